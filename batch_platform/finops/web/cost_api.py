"""The finops API under `/api/projects/{projectId}`: costs by any groups of any days, commitments, containers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from batch_platform.core.failures import InvalidInput
from batch_platform.finops import focus, report, service
from batch_platform.finops.model import Stamp
from batch_platform.finops.months import month_start
from batch_platform.finops.web import cost_exports, exports
from batch_platform.finops.web.commitment_schemas import CommitmentsAnswer, SplitAnswer
from batch_platform.finops.web.context import Site, Work
from batch_platform.finops.web.parameters import READ, ProjectId
from batch_platform.finops.web.schemas import Measure
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import IsoDate, Month, QueryInt, StrictModel, Text

router = APIRouter(prefix="/api/projects", tags=["finops"])

MonthQuery = Annotated[Month | None, Query(description="Billing month, YYYY-MM; or start and end.")]
Start = Annotated[IsoDate | None, Query(description="The first day (UTC), in any billing month.")]
End = Annotated[IsoDate | None, Query(description="The last day, included; 400 days at most.")]
Filters = Annotated[
    list[Text] | None,
    Query(
        alias="filter",
        max_length=20,
        description="Only rows that meet it: GROUP=VALUE, such as `service=AmazonEC2` or `tag:team=web`; an empty "
        "value is a row without one, a `=` of a key is written `%3D`. Several values of one "
        "group are alternatives, several groups must all be met.",
    ),
]


Cursor = Annotated[Text | None, Query(description="`nextCursor` of the page before; opaque.", max_length=1_000)]


class CostKeysAnswer(StrictModel):
    """The tags and cost categories to group by, as `tag:` and `cost_category:`, in these months."""

    project_id: str
    months: list[str]
    tags: list[str]
    cost_categories: list[str]


@router.get(
    "/{projectId:name}/costs",
    dependencies=READ,
    response_class=Response,
    responses=exports.documented(cost_exports.CostsEnvelope) | documented(404, 409, 503),
)
async def show_costs(
    project_id: ProjectId,
    request: Request,
    site: Site,
    month: MonthQuery = None,
    start: Start = None,
    end: End = None,
    measure: Annotated[Measure, Query(description="Which amount.")] = "unblended",
    group_by: Annotated[
        Text,
        Query(
            description="By commas, six at most; empty: the total. service, account, region, charge_class, day come "
            "from the cost summary; tag:KEY, cost_category:NAME, resource, usage_type and operation from the line "
            "items (`GET …/costs/keys` names the keys). Rows without one have an empty text."
        ),
    ] = "service",
    filters: Filters = None,
    export: Annotated[
        Literal["json", "csv", "parquet", "focus", "focus-parquet"],
        Query(
            alias="format",
            description="`focus` is CSV in the columns of FOCUS 1.2, `focus-parquet` the same as Parquet.",
        ),
    ] = "json",
    limit: Annotated[
        QueryInt | None,
        Query(
            ge=1,
            le=cost_exports.PAGE_AT_MOST,
            description="Rows of a page. Left out: all of them; groups of the line items in JSON: 1,000.",
        ),
    ] = None,
    cursor: Cursor = None,
) -> Response:
    """Costs by group, of a billing month or of days. The ETag names costs and query: unchanged costs answer 304.

    Every answer states measure, currency, the state of its months and their manifest versions. `focus` has the line
    items of the days that meet the filters, a row a day, whatever measure and groups are asked for.
    """
    groups = _texts(group_by)
    plain = start is None and end is None and not filters and limit is None and cursor is None
    in_summary = all(group in report.GROUPS for group in groups)
    if plain and month is not None and in_summary and export in ("json", "csv", "parquet"):
        query = exports.CostQuery(measure, groups, export)
        return await exports.answer(site.costs, project_id, month_start(month), query, request.headers)
    asked = _query(project_id, month, start, end, measure=measure, group_by=groups, filters=filters or ())
    if export == "focus" or export == "focus-parquet":
        if limit is not None or cursor is not None:
            raise InvalidInput(
                "focus-without-pages", "focus has no pages", field="limit" if cursor is None else "cursor"
            )
        kind: focus.Kind = "csv" if export == "focus" else "parquet"
        return await cost_exports.focus_answer(site, asked, kind, request.headers)
    return await cost_exports.answer(site, asked, cost_exports.Page(export, limit, cursor), request.headers)


@router.get("/{projectId:name}/costs/keys", dependencies=READ, responses=documented(404, 409, 503))
def list_cost_keys(
    project_id: ProjectId, work: Work, site: Site, month: MonthQuery = None, start: Start = None, end: End = None
) -> Envelope[CostKeysAnswer]:
    """The tags and cost categories that costs of a month, or of days, can be grouped by."""
    query = _query(project_id, month, start, end)
    months = [stamp.month for stamp in service.published_stamps(work, site.costs, query)]
    keys = service.cost_keys(work, project_id, months)
    return Envelope(
        data=CostKeysAnswer(
            project_id=project_id,
            months=[f"{one:%Y-%m}" for one in months],
            tags=list(keys.tags),
            cost_categories=list(keys.cost_categories),
        )
    )


@router.get(
    "/{projectId:name}/costs/split",
    dependencies=READ,
    response_class=Response,
    responses=cost_exports.documented(Envelope[SplitAnswer]) | documented(404, 409, 503),
)
async def show_split_costs(
    project_id: ProjectId,
    request: Request,
    site: Site,
    month: MonthQuery = None,
    start: Start = None,
    end: End = None,
    group_by: Annotated[
        Text,
        Query(
            description="As of `GET …/costs`, by commas. Empty: by AWS's own tags of cluster, namespace and service, "
            "as far as they are there."
        ),
    ] = "",
    filters: Filters = None,
    limit: Annotated[QueryInt, Query(ge=1, le=cost_exports.PAGE_AT_MOST, description="Rows of a page.")] = 1_000,
    cursor: Cursor = None,
) -> Response:
    """What pods of EKS and tasks of ECS took of their machines: copies of costs, in no total, beside those totals."""
    query = _query(project_id, month, start, end, group_by=_texts(group_by), filters=filters or ())

    def make(stamps: Sequence[Stamp]) -> tuple[tuple[Stamp, ...], bytes]:
        first = cost_exports.row_of(cursor, stamps, query)
        found = service.split_costs(site.work, site.costs, query, first=first, limit=limit)
        following = cost_exports.cursor_to(found.next_row, found.stamps, query)
        return found.stamps, cost_exports.body(SplitAnswer.of(found, following))

    return await cost_exports.kept(site, query, ("split", limit, cursor), request.headers, make)


@router.get(
    "/{projectId:name}/commitments",
    dependencies=READ,
    response_class=Response,
    responses=cost_exports.documented(Envelope[CommitmentsAnswer]) | documented(404, 409, 503),
)
async def show_commitments(
    project_id: ProjectId, request: Request, site: Site, month: Annotated[Month, Query(description="Billing month.")]
) -> Response:
    """Savings Plans and reservations of a month: used, unused, utilisation, savings; coverage by service."""
    query = _query(project_id, month, None, None)

    def make(_: Sequence[Stamp]) -> tuple[tuple[Stamp, ...], bytes]:
        found = service.month_commitments(site.work, site.costs, project_id, month_start(month))
        return (found.stamp,), cost_exports.body(CommitmentsAnswer.of(found))

    return await cost_exports.kept(site, query, ("commitments",), request.headers, make)


def _texts(group_by: str) -> tuple[str, ...]:
    return tuple(group.strip() for group in group_by.split(",") if group.strip())


def _query(
    project_id: str, month: str | None, start: date | None, end: date | None, **asked: Any
) -> service.CostQuery:
    at = month_start(month) if month else None
    return service.cost_query(project_id, month=at, start=start, end=end, **asked)

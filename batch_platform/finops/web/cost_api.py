"""The finops API under `/api/projects/{projectId}`: costs by any groups of any days, commitments, containers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from batch_platform.core.failures import InvalidInput
from batch_platform.finops import service
from batch_platform.finops.model import Stamp
from batch_platform.finops.months import month_start
from batch_platform.finops.web import cost_answers
from batch_platform.finops.web.context import READ, FinopsState, ProjectId, State
from batch_platform.finops.web.cost_answers import Made, Part, Question, answers
from batch_platform.finops.web.cost_schemas import (
    CommitmentsAnswer,
    CostKeysAnswer,
    CostRowsAnswer,
    CostsAnswer,
    SplitAnswer,
)
from batch_platform.finops.web.schemas import Measure
from batch_platform.web.access.prepared import prepared
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import IsoDate, Month, QueryInt, Text

router = APIRouter(prefix="/api/projects", tags=["finops"])


@dataclass(frozen=True)
class Days:
    """A project's billing month, or days of it, in the path and query of a route."""

    project_id: ProjectId
    month: Annotated[Month | None, Query(description="Billing month, YYYY-MM; or start and end.")] = None
    start: Annotated[IsoDate | None, Query(description="The first day (UTC), in any billing month.")] = None
    end: Annotated[IsoDate | None, Query(description="The last day, included; 400 days at most.")] = None

    def query(self, **more: Any) -> service.CostQuery:
        """Raises `InvalidInput`."""
        month = month_start(self.month) if self.month else None
        return service.cost_query(self.project_id, month=month, start=self.start, end=self.end, **more)


OfDays = Annotated[Days, Depends()]
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


@router.get(
    "/{projectId:name}/costs",
    dependencies=READ,
    response_class=Response,
    responses=answers(Envelope[CostsAnswer | CostRowsAnswer], files=True),
)
async def show_costs(
    days: OfDays,
    request: Request,
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
            le=cost_answers.PAGE_AT_MOST,
            description="Rows of a page. Left out: all of them; groups of the line items in JSON: 1,000.",
        ),
    ] = None,
    cursor: Cursor = None,
) -> Response:
    """Costs by group, of a billing month or of days. The ETag names costs and query: unchanged costs answer 304.

    Every answer states measure, currency, the state of its months and their manifest versions. `focus` has the line
    items of the days that meet the filters, a row a day, whatever measure and groups are asked for.
    """
    query = days.query(measure=measure, group_by=service.listed(group_by), filters=filters or ())
    if export == "focus" or export == "focus-parquet":
        if limit is not None or cursor is not None:
            field = "limit" if cursor is None else "cursor"
            raise InvalidInput("focus-without-pages", "focus has no pages", field=field)
        kind: Literal["csv", "parquet"] = "csv" if export == "focus" else "parquet"
        return await prepared(request, partial(cost_answers.focus_answer, query, kind))
    whole = days.month is not None and days.start is None and days.end is None
    plain = whole and query.in_summary and not filters and limit is None and cursor is None
    return await prepared(request, cost_answers.ask(query, Part(export, limit, cursor, plain)))


@router.get("/{projectId:name}/costs/keys", dependencies=READ, responses=documented(404, 409, 503))
def list_cost_keys(days: OfDays, state: State) -> Envelope[CostKeysAnswer]:
    """The tags and cost categories that costs of a month, or of days, can be grouped by."""
    stamps = service.published_stamps(state.context, state.costs, days.query())
    months = [stamp.month for stamp in stamps]
    keys = service.cost_keys(state.context, days.project_id, months)
    return Envelope(data=CostKeysAnswer.of(keys, project_id=days.project_id, months=months))


@router.get(
    "/{projectId:name}/costs/split",
    dependencies=READ,
    response_class=Response,
    responses=answers(Envelope[SplitAnswer]),
)
async def show_split_costs(
    days: OfDays,
    request: Request,
    group_by: Annotated[
        Text,
        Query(
            description="As of `GET …/costs`, by commas. Empty: by AWS's own tags of cluster, namespace and service, "
            "as far as they are there."
        ),
    ] = "",
    filters: Filters = None,
    limit: Annotated[QueryInt, Query(ge=1, le=cost_answers.PAGE_AT_MOST, description="Rows of a page.")] = 1_000,
    cursor: Cursor = None,
) -> Response:
    """What pods of EKS and tasks of ECS took of their machines: copies of costs, in no total, beside those totals."""
    query = days.query(group_by=service.listed(group_by), filters=filters or ())

    def make(state: FinopsState, stamps: Sequence[Stamp]) -> Made:
        first = cost_answers.row_of(cursor, stamps, query)
        costs = service.split_costs(state.context, state.costs, query, first=first, limit=limit)
        following = cost_answers.cursor_to(costs.next_row, costs.stamps, query)
        return costs.stamps, cost_answers.body(SplitAnswer.of(costs, next_cursor=following))

    question = Question(query, ("split", limit, cursor))
    return await prepared(request, partial(cost_answers.kept, question, make))


@router.get(
    "/{projectId:name}/commitments",
    dependencies=READ,
    response_class=Response,
    responses=answers(Envelope[CommitmentsAnswer]),
)
async def show_commitments(
    project_id: ProjectId,
    request: Request,
    month: Annotated[Month, Query(description="Billing month.")],
) -> Response:
    """Savings Plans and reservations of a month: used, unused, utilisation, savings; coverage by service."""
    at = month_start(month)

    def make(state: FinopsState, _: Sequence[Stamp]) -> Made:
        commitments = service.month_commitments(state.context, state.costs, project_id, at)
        return (commitments.stamp,), cost_answers.body(CommitmentsAnswer.of(commitments))

    query = service.cost_query(project_id, month=at)
    return await prepared(request, partial(cost_answers.kept, Question(query, ("commitments",)), make))

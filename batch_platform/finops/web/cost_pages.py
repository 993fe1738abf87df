"""Console pages of costs: any period by up to two groups, commitments, containers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PlatformError
from batch_platform.finops import service
from batch_platform.finops.model import Connection, PublishedMonth
from batch_platform.finops.service import CostKeys, CostPage, CostRows
from batch_platform.finops.web import cost_words, words
from batch_platform.finops.web.context import FinopsSite, Site, page
from batch_platform.finops.web.cost_words import Seen
from batch_platform.finops.web.parameters import READ
from batch_platform.web.api.strict import QueryInt
from batch_platform.web.i18n import said

PAGE_ROWS: Final = 50
FORMATS: Final = (
    ("csv", "CSV"),
    ("parquet", "Parquet"),
    ("json", "JSON"),
    ("focus", "FOCUS 1.2 CSV"),
    ("focus-parquet", "FOCUS 1.2 Parquet"),
)

Offset = Annotated[QueryInt, Query(ge=0, le=100_000_000)]
Filters = Annotated[list[str], Query(alias="filter")]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Line:
    """A row of the costs table: for each key its group, value and where only it is shown; `share` in per cent."""

    keys: list[tuple[str, str, str | None]]
    amount: Decimal
    share: Decimal | None


@router.get("/console/costs", dependencies=READ)
def costs_page(
    request: Request,
    site: Site,
    project: str = "",
    period: str = "",
    month: str = "",
    start: str = "",
    end: str = "",
    measure: str = "unblended",
    group_by: str = "service",
    then: str = "",
    filters: Filters = [],  # noqa: B006 (FastAPI copies it)
    offset: Offset = 0,
) -> Response:
    """Costs of a period; what is not named, or not known, is the first project's newest month with rows."""
    projects, chosen, published = _published(site, project)
    if chosen is None or not published:
        return page(request, "costs", projects=projects, project=chosen, seen=None)
    months = [one.month for one in published]
    newest = next((one.month for one in published if one.row_count), months[0])
    today = site.work.clock().date()
    seen = Seen(
        chosen.project_id,
        "month",
        newest,
        cost_words.last_of(newest),
        cost_words.measure_of(measure),
        cost_words.groups_of(group_by, then),
        cost_words.filters_of(filters),
    )
    error: PlatformError | None = None
    rows: CostRows | None = None
    try:
        kind, first, last = cost_words.period_of(period, month, start, end, months=months, newest=newest, today=today)
        seen = replace(seen, period=kind, start=first, end=last)
        rows = service.cost_rows(site.work, site.costs, seen.query(), first=offset, limit=PAGE_ROWS)
    except NotFound:
        pass
    except PlatformError as failure:
        error = failure
    reports = [_report(site, seen, one, first_page=not offset) for one in rows.reports] if rows else []
    return page(
        request,
        "costs",
        status=_status(error),
        projects=projects,
        project=chosen,
        months=[f"{one:%Y-%m}" for one in months],
        month=f"{seen.start:%Y-%m}",
        # what was typed, also where it is no period
        days=(start or f"{seen.start}", end or f"{seen.end}"),
        period="range" if error and period == "range" else seen.period,
        period_names=cost_words.PERIODS,
        seen=seen,
        periods=_periods(seen, newest),
        options=cost_words.group_options(seen, None),
        formats=FORMATS,
        error=said(error) if error else None,
        rows=rows,
        reports=[one for one in reports if one["lines"] or not offset],
        published=next((one for one in published if seen.period == "month" and one.month == seen.start), None),
        newest_days=None if rows and rows.row_count else _newest(site, chosen.project_id, newest, seen),
        first_row=offset,
        last_row=offset + sum(one.rows.height for one in rows.reports) if rows else 0,
        previous_offset=max(0, offset - PAGE_ROWS) if offset else None,
        next_offset=rows.next_row if rows else None,
        named_group=cost_words.named_group,
        named_value=cost_words.named_value,
        named_filter=cost_words.named_filter,
    )


@router.get("/console/costs/groups", dependencies=READ)
def groups_fragment(
    request: Request, site: Site, project: str = "", start: str = "", end: str = "", group_by: str = "service"
) -> Response:
    """The selects of groups, with the tags and cost categories of the days; those look into the line items."""
    keys: CostKeys | None = None
    seen = Seen(project, "range", date.min, date.min, "unblended", cost_words.groups_of(group_by))
    try:
        seen = replace(seen, start=service.parse_day(start, "start"), end=service.parse_day(end, "end"))
        stamps = service.published_stamps(site.work, site.costs, seen.query())
        keys = service.cost_keys(site.work, project, [stamp.month for stamp in stamps])
    except PlatformError:
        pass  # the page says what is wrong
    return page(request, "cost_groups", seen=seen, options=cost_words.group_options(seen, keys), complete=True)


@router.get("/console/costs/commitments", dependencies=READ)
def commitments_page(request: Request, site: Site, project: str = "", month: str = "") -> Response:
    """Utilisation and coverage of Savings Plans and reservations in a month."""
    projects, chosen, published = _published(site, project)
    months = [one.month for one in published]
    if chosen is None or not months:
        return page(request, "commitments", projects=projects, project=chosen, month=None)
    at = cost_words.month_of(month, months)
    error: PlatformError | None = None
    found = None
    try:
        found = service.month_commitments(site.work, site.costs, chosen.project_id, at)
    except PlatformError as failure:
        error = failure
    uses = list(found.commitments.uses) if found else []
    coverage = list(found.commitments.coverage) if found else []
    currencies = sorted({use.currency or "" for use in uses} | {one.currency or "" for one in coverage} - {""})
    return page(
        request,
        "commitments",
        status=_status(error),
        projects=projects,
        project=chosen,
        months=[f"{one:%Y-%m}" for one in months],
        month=f"{at:%Y-%m}",
        error=said(error) if error else None,
        stamp=found.stamp if found else None,
        uses=uses,
        coverage=coverage,
        short_arn=cost_words.short_arn,
        charts=[
            (one, cost_words.use_chart(uses, one), cost_words.coverage_chart(coverage, one)) for one in currencies
        ],
    )


@router.get("/console/costs/containers", dependencies=READ)
def containers_page(request: Request, site: Site, project: str = "", month: str = "", offset: Offset = 0) -> Response:
    """What pods and tasks took, beside the totals that hold none of it."""
    projects, chosen, published = _published(site, project)
    months = [one.month for one in published]
    if chosen is None or not months:
        return page(request, "containers", projects=projects, project=chosen, month=None)
    at = cost_words.month_of(month, months)
    error: PlatformError | None = None
    found = None
    try:
        query = service.cost_query(chosen.project_id, month=at)
        found = service.split_costs(site.work, site.costs, query, first=offset, limit=PAGE_ROWS)
    except PlatformError as failure:
        error = failure
    return page(
        request,
        "containers",
        status=_status(error),
        projects=projects,
        project=chosen,
        months=[f"{one:%Y-%m}" for one in months],
        month=f"{at:%Y-%m}",
        error=said(error) if error else None,
        found=found,
        rows=found.rows.to_dicts() if found else [],
        totals=found.totals.to_dicts() if found else [],
        outside={row["currency"]: row for row in found.left_out_of.to_dicts()} if found else {},
        named_group=cost_words.named_group,
        first_row=offset,
        previous_offset=max(0, offset - PAGE_ROWS) if offset else None,
        next_offset=found.next_row if found else None,
    )


def _published(site: FinopsSite, project: str) -> tuple[list[Connection], Connection | None, list[PublishedMonth]]:
    """All projects, the one asked for or the first that is enabled, and its published months, newest first."""
    with site.work.store.snapshot() as session:
        projects = session.projects()
        chosen = next((one for one in projects if one.project_id == project), None) or next(
            (one for one in projects if one.enabled), projects[0] if projects else None
        )
        return projects, chosen, session.months(chosen.project_id)[::-1] if chosen else []


def _report(site: FinopsSite, seen: Seen, report: CostPage, *, first_page: bool) -> dict[str, Any]:
    total = report.totals[report.measure]
    lines = [
        Line(
            [(group, str(key), _only(seen, group, str(key))) for group, key in zip(seen.groups, keys, strict=True)],
            amount,
            words.share_in_percent(amount, total),
        )
        for *keys, amount in report.rows.iter_rows()
    ]
    chart = None
    if first_page and report.currency and report.row_count:
        chart = cost_words.daily_chart(site, seen.query(), report.currency)
    return {"report": report, "lines": lines, "chart": chart}


def _only(seen: Seen, group: str, value: str) -> str | None:
    """Where only that value is seen; None where it is so already."""
    narrowed = seen.filtered(group, value)
    return None if narrowed == seen or (group == "day" and seen.start == seen.end) else narrowed.address


def _periods(seen: Seen, newest: date) -> list[tuple[str, str]]:
    """Each kind of period, and its address with everything else as it is."""
    month = seen.start.replace(day=1) if seen.period == "month" else newest
    return [
        (
            kind,
            replace(seen, period=kind, start=month).address
            if kind == "month"
            else replace(seen, period=kind).address,
        )
        for kind in cost_words.PERIODS
    ]


def _newest(site: FinopsSite, project_id: str, month: date, seen: Seen) -> tuple[date, str] | None:
    """The newest day with costs, and its address; None where that is what is seen."""
    _, costs = site.costs.costs(site.costs.stamp(project_id, month))
    day = costs["usage_date"].max()
    if not isinstance(day, date) or seen.start <= day <= seen.end:
        return None
    week = replace(seen, period="range", start=max(day - cost_words.WEEK, month), end=day, filters=())
    return day, week.address


def _status(error: PlatformError | None) -> int:
    if error is None:
        return 200
    return 409 if isinstance(error, Conflict) else 422 if isinstance(error, InvalidInput) else 503

"""Console pages of costs: any period by up to two groups, commitments, containers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PlatformError
from batch_platform.finops import service
from batch_platform.finops.model import Connection, PublishedMonth
from batch_platform.finops.service import CostKeys, CostPage, CostRows
from batch_platform.finops.web import charts, cost_words, words
from batch_platform.finops.web.context import PAGE_ROWS, READ, FinopsState, State, page
from batch_platform.finops.web.cost_words import Seen
from batch_platform.web.i18n import translated
from batch_platform.web.paging import Offset, place_among

Filters = Annotated[list[str], Query(alias="filter")]

router = APIRouter(include_in_schema=False)


@router.get("/console/costs", dependencies=READ)
def costs_page(
    request: Request,
    state: State,
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
    projects, chosen, published = _published(state, project)
    if chosen is None or not published:
        return page(request, "costs", projects=projects, project=chosen, seen=None)
    months = [month.month for month in published]
    newest = next((month.month for month in published if month.row_count), months[0])
    today = state.context.clock().date()
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
        kind, first, last = cost_words.period_of(period, month, start, end, newest=newest, today=today)
        seen = replace(seen, period=kind, start=first, end=last)
        rows = service.cost_rows(state.context, state.costs, seen.query(), first=offset, limit=PAGE_ROWS)
    except PlatformError as failure:
        # days without costs are no error: the page says where the newest are
        error = None if isinstance(failure, NotFound) and seen.period != "month" else failure
    reports = [_report(state, seen, report, first_page=not offset) for report in rows.reports] if rows else []
    return page(
        request,
        "costs",
        status=_status(error),
        projects=projects,
        project=chosen,
        months=[f"{month:%Y-%m}" for month in months],
        month=f"{seen.start:%Y-%m}",
        # what was typed, also where it is no period
        days=(start or f"{seen.start}", end or f"{seen.end}"),
        period="range" if error and period == "range" else seen.period,
        seen=seen,
        periods=_periods(seen, newest),
        keys=None,
        error=translated(error) if error else None,
        rows=rows,
        reports=[report for report in reports if report["lines"] or not offset],
        published=next((month for month in published if seen.period == "month" and month.month == seen.start), None),
        newest_days=None if rows and rows.row_count else _newest(state, chosen.project_id, newest, seen),
        place=place_among(offset, PAGE_ROWS, rows.row_count if rows else 0),
    )


@router.get("/console/costs/groups", dependencies=READ)
def groups_fragment(
    request: Request, state: State, project: str = "", start: str = "", end: str = "", group_by: str = "service"
) -> Response:
    """The selects of groups, with the tags and cost categories of the days; those look into the line items."""
    keys: CostKeys | None = None
    seen = Seen(project, "range", date.min, date.min, "unblended", cost_words.groups_of(group_by))
    try:
        seen = replace(seen, start=service.parse_day(start, "start"), end=service.parse_day(end, "end"))
        stamps = service.published_stamps(state.context, state.costs, seen.query())
        keys = service.cost_keys(state.context, project, [stamp.month for stamp in stamps])
    except PlatformError:
        pass  # the page says what is wrong
    return page(request, "cost_groups", seen=seen, keys=keys, complete=True)


@router.get("/console/costs/commitments", dependencies=READ)
def commitments_page(request: Request, state: State, project: str = "", month: str = "") -> Response:
    """Utilisation and coverage of Savings Plans and reservations in a month."""

    def shown(project_id: str, at: date) -> dict[str, Any]:
        month = service.month_commitments(state.context, state.costs, project_id, at)
        uses, coverage = month.commitments.uses, month.commitments.coverage
        priced = [*((use.currency or "") for use in uses), *((line.currency or "") for line in coverage)]
        currencies = sorted(set(priced) - {""})
        bars = [(name, charts.uses(uses, name), charts.coverage(coverage, name)) for name in currencies]
        return {"stamp": month.stamp, "uses": uses, "coverage": coverage, "charts": bars}

    return _month_page(request, state, "commitments", project, month, shown)


@router.get("/console/costs/containers", dependencies=READ)
def containers_page(
    request: Request, state: State, project: str = "", month: str = "", offset: Offset = 0
) -> Response:
    """What pods and tasks took, beside the totals that hold none of it."""

    def shown(project_id: str, at: date) -> dict[str, Any]:
        query = service.cost_query(project_id, month=at)
        costs = service.split_costs(state.context, state.costs, query, first=offset, limit=PAGE_ROWS)
        return {
            "found": costs,
            "rows": costs.rows.to_dicts(),
            "totals": costs.totals.to_dicts(),
            "outside": {row["currency"]: row for row in costs.left_out_of.to_dicts()},
            "place": place_among(offset, PAGE_ROWS, costs.row_count),
        }

    return _month_page(request, state, "containers", project, month, shown)


def _month_page(
    request: Request,
    state: FinopsState,
    name: str,
    project: str,
    month: str,
    shown: Callable[[str, date], dict[str, Any]],
) -> Response:
    """A page of a project's month, the newest where none is named, with the reason where nothing can be shown."""
    projects, chosen, published = _published(state, project)
    months = [f"{month.month:%Y-%m}" for month in published]
    if chosen is None or not months:
        return page(request, name, projects=projects, project=chosen, month=None)
    month = month or months[0]
    error: PlatformError | None = None
    values: dict[str, Any] = {"stamp": None, "found": None}
    try:
        values |= shown(chosen.project_id, service.parse_month(month))
    except PlatformError as failure:
        error = failure
    return page(
        request,
        name,
        status=_status(error),
        projects=projects,
        project=chosen,
        months=months,
        month=month if month in months else months[0],
        error=translated(error) if error else None,
        **values,
    )


def _published(state: FinopsState, project: str) -> tuple[list[Connection], Connection | None, list[PublishedMonth]]:
    """All projects, the one that is named or the first that is enabled, and its published months, newest first.

    Raises `NotFound`.
    """
    with state.context.store.snapshot() as session:
        projects = session.projects()
        chosen = (
            session.project(project)
            if project
            else next((known for known in projects if known.enabled), projects[0] if projects else None)
        )
        return projects, chosen, session.months(chosen.project_id)[::-1] if chosen else []


def _report(state: FinopsState, seen: Seen, report: CostPage, *, first_page: bool) -> dict[str, Any]:
    """A currency's table, of each line the keys with their groups and where only they are shown; and its chart."""
    total = report.totals[report.measure]
    lines = [
        {
            "keys": [
                (group, str(key), _only(seen, group, str(key))) for group, key in zip(seen.groups, keys, strict=True)
            ],
            "amount": amount,
            "share": words.share_in_percent(amount, total),
        }
        for *keys, amount in report.rows.iter_rows()
    ]
    chart = None
    if first_page and report.currency and report.row_count:
        chart = charts.daily(state, seen.query(), report.currency)
    return {"report": report, "lines": lines, "chart": chart}


def _only(seen: Seen, group: str, value: str) -> str | None:
    """Where only that value is seen; None where it is so already."""
    narrowed = seen.filtered(group, value)
    return None if narrowed == seen or (group == "day" and seen.start == seen.end) else narrowed.address


def _periods(seen: Seen, newest: date) -> list[tuple[str, str]]:
    """Each kind of period, and its address with everything else as it is."""
    month = seen.start.replace(day=1) if seen.period == "month" else newest
    return [
        (kind, replace(seen, period=kind, start=month if kind == "month" else seen.start).address)
        for kind in cost_words.PERIODS
    ]


def _newest(state: FinopsState, project_id: str, month: date, seen: Seen) -> tuple[date, str] | None:
    """The newest day with costs, and its address; None where that is what is seen."""
    _, costs = state.costs.costs(state.costs.stamp(project_id, month))
    day = costs["usage_date"].max()
    if not isinstance(day, date) or seen.start <= day <= seen.end:
        return None
    week = replace(seen, period="range", start=max(day - cost_words.WEEK, month), end=day, filters=())
    return day, week.address


def _status(error: PlatformError | None) -> int:
    kinds = ((Conflict, 409), (NotFound, 404), (InvalidInput, 422))
    return 200 if error is None else next((status for kind, status in kinds if isinstance(error, kind)), 503)

"""Console pages of usage: companies on a day, the whole system and one company over time."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request, Response

from batch_platform.kit import lists
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.service import usage
from batch_platform.staffing.web import charts
from batch_platform.staffing.web.context import Context
from batch_platform.staffing.web.rendering import CHART_DAYS, HOME, READ, ROWS, page
from batch_platform.staffing.web.usage import USAGE, OfUsage

COMPANIES: Final = f"{HOME}/usage"
_PERIOD: Final = timedelta(days=CHART_DAYS)
_DAY: Final = timedelta(days=1)

router = APIRouter(include_in_schema=False)


@router.get(COMPANIES, dependencies=READ)
def usage_page(request: Request, context: Context) -> Response:
    """Companies on a day, by default yesterday, and the system up to it."""
    yesterday = business_day(context.clock()) - _DAY
    day = lists.understood(OfUsage, request.query_params).date or yesterday
    shown = lists.page(context, USAGE, request.query_params, limit=ROWS, date=day.isoformat())
    systems = usage.systems(context, day - _PERIOD, day)
    system = next((row for row in systems if row["date"] == day), None)
    return page(
        request,
        "usage",
        shown=shown,
        day=day,
        system=system,
        requests=charts.requests(systems, "requests"),
        times=charts.response_times(systems),
        people=charts.people(systems),
    )


@router.get(f"{COMPANIES}/{{company_id:path}}", dependencies=READ)
def company_page(request: Request, context: Context, company_id: str) -> Response:
    """One company over the days up to one, by default yesterday."""
    until = lists.understood(OfUsage, request.query_params).date or business_day(context.clock()) - _DAY
    company, days = usage.of_company(context, company_id, until - _PERIOD, until)
    aggregated = [row for row in days if row["api_call_count"] is not None]
    return page(
        request,
        "company",
        company=company,
        until=until,
        days=days,
        people=charts.people(days),
        requests=charts.requests(aggregated),
    )

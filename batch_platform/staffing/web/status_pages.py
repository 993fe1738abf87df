"""Console pages of engineers: their status on a day, and what the job would change of it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from batch_platform.core.failures import InvalidInput
from batch_platform.kit import lists
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.service import StaffingContext, statuses
from batch_platform.staffing.web.context import Context
from batch_platform.staffing.web.rendering import HOME, READ, ROWS, page
from batch_platform.staffing.web.statuses import STATUSES, OfStatuses, known_at, shown_day
from batch_platform.web.i18n import translated

ENGINEERS: Final = f"{HOME}/engineers"
DUE: Final = timedelta(hours=statuses.KNOWN_AT.hour)
"""How long after its begin a day can be written."""

router = APIRouter(include_in_schema=False)


@router.get(ENGINEERS, dependencies=READ)
def engineers_page(request: Request, context: Context) -> Response:
    """Engineers by status on a day, by the facts."""
    shown = lists.page(context, STATUSES, request.query_params, limit=ROWS)
    day = shown_day(context, shown.filters)
    counts = statuses.counts(context, day, known_at=known_at(context, shown.filters))
    return page(request, "engineers", shown=shown, day=day, counts=counts)


@router.get(f"{ENGINEERS}/changes", dependencies=READ)
def changes_page(request: Request, context: Context) -> Response:
    """What a run would change of a day, by default of the next that is due; nothing is written."""
    day = lists.understood(OfStatuses, request.query_params).date or _next_day(context)
    shown: dict[str, Any] = {"day": day, "limit": ROWS, "problem": None}
    try:
        shown["written"], shown["changes"] = statuses.dry_run_day(context, day, limit=ROWS)
    except InvalidInput as error:
        shown["problem"] = translated(error)
    return page(request, "changes", **shown)


def _next_day(context: StaffingContext) -> date:
    """The first day that is missing, else the newest."""
    newest = business_day(context.clock() - DUE)
    return next(iter(statuses.missing_days(context, newest)), newest)

"""Console page of what somebody has to look at: accounts, and what the weekly jobs have found and done."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from batch_platform.kit import lists
from batch_platform.staffing.service import accounts
from batch_platform.staffing.web.context import Context
from batch_platform.staffing.web.maintenance import FINDINGS, RUNS
from batch_platform.staffing.web.rendering import HOME, READ, ROWS, page

PLACE: Final = f"{HOME}/findings"

router = APIRouter(include_in_schema=False)


@router.get(PLACE, dependencies=READ)
def findings_page(request: Request, context: Context) -> Response:
    """Findings of the newest checks, the worst first, and the newest runs of the weekly jobs."""
    return page(
        request,
        "findings",
        accounts=accounts.findings(context),
        shown=lists.page(context, FINDINGS, request.query_params, limit=ROWS),
        runs=lists.page(context, RUNS, {}, limit=ROWS).rows[:ROWS],
    )

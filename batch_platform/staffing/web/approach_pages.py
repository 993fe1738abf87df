"""Console pages of periodic approaches: when each is due, what became of each moment, failed ones again."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from batch_platform.core.surfaces import writes
from batch_platform.kit import actions, lists
from batch_platform.staffing.service import approaches
from batch_platform.staffing.web.approaches import OCCURRENCES, RETRY
from batch_platform.staffing.web.context import Acting, Context
from batch_platform.staffing.web.rendering import HOME, OPERATE, READ, ROWS, page
from batch_platform.web.i18n import gettext as _

APPROACHES: Final = f"{HOME}/approaches"
_FAILED: Final = 500

router = APIRouter(include_in_schema=False)


@router.get(APPROACHES, dependencies=READ)
def approaches_page(request: Request, context: Context) -> Response:
    """All of them, with what is due next and what can be delivered again."""
    failed, _more = approaches.occurrences(context, state="failed", limit=_FAILED)
    return page(
        request,
        "approaches",
        rows=[{**row, "place": place} for place, row in enumerate(approaches.approaches(context))],
        failed={row["approach_id"] for row in failed},
    )


@router.get(f"{APPROACHES}/occurrences", dependencies=READ)
def occurrences_page(request: Request, context: Context) -> Response:
    """What became of each moment, the newest first."""
    return page(request, "occurrences", shown=lists.page(context, OCCURRENCES, request.query_params, limit=ROWS))


@router.post(f"{APPROACHES}/{{approach_id:path}}/retry", dependencies=OPERATE)
@writes(RETRY.name)
def retry(request: Request, acting: Acting, approach_id: str) -> Response:
    """Deliver what has failed again."""

    def says(done: list[approaches.DecidedOccurrence]) -> str:
        return _("Delivered again: %(count)s.", count=len(done))

    return actions.submit(request, RETRY, acting, approach_id, {}, here=APPROACHES, says=says)

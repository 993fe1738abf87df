"""Console pages of backups: nights with their proofs and faults."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from batch_platform.kit import lists
from batch_platform.staffing.service import backup_reading
from batch_platform.staffing.web.backups import BACKUPS
from batch_platform.staffing.web.context import Context
from batch_platform.staffing.web.rendering import HOME, READ, ROWS, page
from batch_platform.web.api.strict import IsoDate

NIGHTS: Final = f"{HOME}/backups"

router = APIRouter(include_in_schema=False)


@router.get(NIGHTS, dependencies=READ)
def backups_page(request: Request, context: Context) -> Response:
    """Nights, the newest first."""
    return page(request, "backups", shown=lists.page(context, BACKUPS, request.query_params, limit=ROWS))


@router.get(f"{NIGHTS}/{{night}}", dependencies=READ)
def night_page(request: Request, context: Context, night: Annotated[IsoDate, Path()]) -> Response:
    """A night with all of its proofs."""
    row, proofs = backup_reading.night(context, night)
    return page(request, "backup", row=row, proofs=proofs)

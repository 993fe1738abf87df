"""What staffing's days have come to, under `/api/staffing`."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter

from batch_platform.kit import lists
from batch_platform.staffing.web.backups import BACKUPS
from batch_platform.staffing.web.context import Work
from batch_platform.staffing.web.statuses import STATUSES
from batch_platform.staffing.web.usage import USAGE

_READS: Final[dict[str, Any]] = {"context": Work, "permission": "staffing:read"}

router = APIRouter(prefix="/api/staffing", tags=["staffing"])

lists.route(
    router,
    STATUSES,
    "/status",
    name="list_statuses",
    doc="Every engineer's status on a day by the facts, whether or not the job has run.",
    **_READS,
)
lists.route(
    router,
    USAGE,
    "/usage",
    name="list_usage",
    doc="What every company used on a day: as aggregated, or by the facts where that is still to come.",
    **_READS,
)
lists.route(
    router,
    BACKUPS,
    "/backups",
    name="list_backups",
    doc="Backups by night, the newest first, each with its newest proof.",
    **_READS,
)

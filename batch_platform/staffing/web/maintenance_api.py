"""The weekly jobs under `/api/staffing/maintenance`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from batch_platform.kit import lists
from batch_platform.staffing.web.context import Work
from batch_platform.staffing.web.maintenance import FINDINGS, RETENTION, RUNS

router = APIRouter(prefix="/api/staffing/maintenance", tags=["staffing"])

_common: dict[str, Any] = {"context": Work, "permission": "staffing:read"}

lists.route(
    router,
    FINDINGS,
    "/findings",
    name="list_maintenance_findings",
    doc="What the weekly jobs have found, with what helps; the worst first.",
    **_common,
)
lists.route(
    router,
    RUNS,
    "/runs",
    name="list_maintenance_runs",
    doc="What the weekly jobs have done, the newest first.",
    **_common,
)
lists.route(
    router,
    RETENTION,
    "/retention",
    name="list_retention_classes",
    doc="How long rows stay, and what is done then.",
    **_common,
)

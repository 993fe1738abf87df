"""What is listed, under `/api/staffing`."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from batch_platform.kit import lists
from batch_platform.staffing.web.approaches import APPROACHES, OCCURRENCES
from batch_platform.staffing.web.backups import BACKUPS
from batch_platform.staffing.web.context import Context
from batch_platform.staffing.web.invoice_lists import INVOICES
from batch_platform.staffing.web.maintenance import FINDINGS, RETENTION, RUNS
from batch_platform.staffing.web.performance import FIGURES, WEEKS
from batch_platform.staffing.web.reports import REPORTS
from batch_platform.staffing.web.statuses import STATUSES
from batch_platform.staffing.web.usage import USAGE

LISTS: Final = (
    *(STATUSES, USAGE, BACKUPS, APPROACHES, OCCURRENCES, INVOICES),
    *(FINDINGS, RUNS, RETENTION, WEEKS, FIGURES, REPORTS),
)

router = APIRouter(prefix="/api/staffing", tags=["staffing"])
lists.routes(router, LISTS, context=Context, permission="staffing:read")

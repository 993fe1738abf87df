"""The overview of staffing and the dashboard's card."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from batch_platform.operations.web.pages import DashboardCard
from batch_platform.staffing.alerts import BACKUP_AGE
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.service import StaffingContext, overview, statuses, usage
from batch_platform.staffing.store.statements import Row
from batch_platform.staffing.web import charts
from batch_platform.staffing.web.context import Context
from batch_platform.staffing.web.rendering import CHART_DAYS, HOME, READ, page
from batch_platform.web.i18n import N_

router = APIRouter(include_in_schema=False)


@router.get(HOME, dependencies=READ)
def overview_page(request: Request, context: Context) -> Response:
    """Engineers by status, what waits or has failed, and how far each job has come."""
    today = business_day(context.clock())
    days = statuses.counts_by_day(context, today - timedelta(days=CHART_DAYS), today)
    figures = overview.overview(context)
    return page(
        request,
        "overview",
        today=today,
        newest=days[-1] if days else None,
        chart=charts.statuses(days),
        figures=figures,
        backup_age=BACKUP_AGE,
        runs=_runs(context, figures, today),
    )


def _runs(context: StaffingContext, figures: Row, today: date) -> list[dict[str, Any]]:
    """How far each job has come: its newest partition, when that was written, and how many days are missing."""
    missing = {
        "engineer-status-update": len(statuses.missing_days(context, today)),
        "daily-data-aggregation": len(usage.missing_days(context, today)),
    }
    month = figures["invoice_month"]
    newest = {
        "engineer-status-update": (figures["status_day"], figures["status_at"]),
        "daily-data-aggregation": (figures["usage_day"], figures["usage_at"]),
        "daily-backup": (figures["verified_night"], figures["verified_at"]),
        "monthly-invoice-generation": (month and f"{month:%Y-%m}", figures["invoice_at"]),
    }
    return [
        {"job": job, "title": TITLES[job], "newest": day, "at": at, "missing": missing.get(job, 0)}
        for job, (day, at) in newest.items()
    ]


def _card(request: Request) -> dict[str, Any] | None:
    """What somebody has to do; None when nothing."""
    figures = overview.overview(request.app.state.staffing)
    names = ("draft_invoices", "waiting_invoices", "failed_invoices", "failed_occurrences", "account_findings")
    return {"home": HOME, "figures": figures} if any(figures[name] for name in names) else None


TITLES: Final = {
    "engineer-status-update": N_("Set the status of engineers"),
    "daily-data-aggregation": N_("Aggregate the data of a day"),
    "daily-backup": N_("Back up and prove the backup"),
    "monthly-invoice-generation": N_("Issue the invoices of a month"),
}
CARD: Final = DashboardCard(
    title=N_("Staffing"), permission="staffing:read", load=_card, template="staffing/card.html"
)

"""Console pages of the reports of months: their list, one with its first page, its PDF, mailing it again."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from batch_platform.core.surfaces import writes
from batch_platform.kit import actions, lists
from batch_platform.staffing.service.reports import reading
from batch_platform.staffing.store.originals import PDF
from batch_platform.staffing.web.context import Acting, Context
from batch_platform.staffing.web.invoice_pages import PNG, drawn, sent
from batch_platform.staffing.web.rendering import HOME, OPERATE, READ, ROWS, page
from batch_platform.staffing.web.reports import MAIL, REPORTS
from batch_platform.web.api.strict import QueryInt
from batch_platform.web.i18n import gettext as _

LIST: Final = f"{HOME}/reports"
REPORT: Final = f"{LIST}/{{report_id}}"

router = APIRouter(include_in_schema=False)


@router.get(LIST, dependencies=READ)
def reports_page(request: Request, context: Context) -> Response:
    """Reports, the newest first."""
    return page(request, "reports", shown=lists.page(context, REPORTS, request.query_params, limit=ROWS))


@router.get(REPORT, dependencies=READ)
def report_page(request: Request, context: Context, report_id: str) -> Response:
    """One as it looks."""
    return page(request, "report", row=reading.report(context, report_id))


@router.get(f"{REPORT}/pdf", dependencies=READ)
def pdf(context: Context, report_id: str) -> Response:
    """It as it was stored."""
    row, content = reading.pdf(context, report_id)
    return sent(content, PDF, row["filename"])


@router.get(f"{REPORT}/picture", dependencies=READ)
def picture(context: Context, report_id: str, number: QueryInt = 1) -> Response:
    """A page of it as a picture."""
    row, content = reading.pdf(context, report_id)
    return sent(drawn(content, number), PNG, f"{row['filename']}.png")


@router.post(f"{REPORT}/mail", dependencies=OPERATE)
@writes(MAIL.name)
def mail(request: Request, acting: Acting, report_id: str) -> Response:
    """Mail it to those who have not got it."""

    def says(done: Any) -> str:
        return _("It goes to %(people)s.", people=", ".join(done.mailed_to))

    return actions.submit(request, MAIL, acting, report_id, {}, here=f"{LIST}/{report_id}", says=says)

"""Reports of months under `/api/staffing/reports`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Response

from batch_platform.kit import actions
from batch_platform.staffing.service.reports import reading
from batch_platform.staffing.store.originals import PDF
from batch_platform.staffing.web.context import Acting, Context
from batch_platform.staffing.web.reports import MAIL, Mailing, ReportAnswer
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented

router = APIRouter(prefix="/api/staffing/reports", tags=["staffing"])

ReportId = Annotated[str, Path(alias="report_id", max_length=100, description="A version of a report.")]
READ = [requires("staffing:read")]


@router.get("/{report_id}", dependencies=READ, responses=documented(404))
def show_report(report_id: ReportId, context: Context) -> Envelope[ReportAnswer]:
    """A version of a report."""
    return Envelope(data=ReportAnswer.of(reading.report(context, report_id)))


@router.get(
    "/{report_id}/pdf",
    dependencies=READ,
    response_class=Response,
    responses={**documented(404, 409), 200: {"content": {PDF: {"schema": {"type": "string", "format": "binary"}}}}},
)
def download_report(report_id: ReportId, context: Context) -> Response:
    """Its PDF as it was stored. 409: it has failed."""
    row, content = reading.pdf(context, report_id)
    called = f"attachment; filename*=UTF-8''{quote(row['filename'], safe='')}"
    return Response(
        content,
        media_type=PDF,
        headers={"Content-Disposition": called, "Cache-Control": "private, no-cache", "ETag": f'"{row["sha256"]}"'},
    )


actions.route(
    router,
    MAIL,
    "/{report_id}/mail",
    name="mail_report",
    doc="Mail a version to its company, or to the operators; to nobody twice.",
    session=Acting,
    target=ReportId,
    answer=Mailing,
)

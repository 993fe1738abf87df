"""The performance of weeks under `/api/staffing/performance`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from batch_platform.staffing.service import performance
from batch_platform.staffing.store.originals import PDF
from batch_platform.staffing.web.context import Context
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import IsoDate

router = APIRouter(prefix="/api/staffing/performance", tags=["staffing"])


@router.get(
    "/weeks/{week}/report",
    dependencies=[requires("staffing:read")],
    response_class=Response,
    responses={**documented(404), 200: {"content": {PDF: {}}, "description": "The report as PDF."}},
)
def read_performance_report(
    context: Context, week: Annotated[IsoDate, Path(description="The Monday that begins it.")]
) -> Response:
    """The report of a week as it was stored."""
    name = f"performance-{week.isoformat()}.pdf"
    disposition = f'attachment; filename="{name}"'
    return Response(performance.report(context, week), media_type=PDF, headers={"Content-Disposition": disposition})

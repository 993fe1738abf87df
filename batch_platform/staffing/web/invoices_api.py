"""Invoices and credit notes under `/api/staffing/invoices`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Response

from batch_platform.core.terminal import plain
from batch_platform.kit import actions
from batch_platform.staffing.months import parse_month
from batch_platform.staffing.service.invoices import reading, releasing, verifying, voiding
from batch_platform.staffing.store.originals import PDF
from batch_platform.staffing.web.context import Acting, Context
from batch_platform.staffing.web.invoice_actions import CREDIT, ISSUE, VOID
from batch_platform.staffing.web.invoice_schemas import (
    CreditAnswer,
    DraftsAnswer,
    InvoiceDecisionAnswer,
    InvoiceDetailAnswer,
    InvoiceDifferenceAnswer,
    VerificationAnswer,
)
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import Month

router = APIRouter(prefix="/api/staffing/invoices", tags=["staffing"])

READ: Final = [requires("staffing:read")]
MISSING: Final = documented(404)
BINARY: Final[dict[int | str, dict[str, Any]]] = {
    **documented(404, 409),
    200: {"content": {PDF: {"schema": {"type": "string", "format": "binary"}}}},
}

Named = Annotated[str, Path(alias="invoice", max_length=500, description="Its number, or the id of a draft.")]
OfMonth = Annotated[Month, Path(alias="month", description="The billed month, YYYY-MM.")]


@router.get("/months/{month}/drafts", dependencies=READ)
def show_drafts(month: OfMonth, context: Context) -> Envelope[DraftsAnswer]:
    """The drafts of a month that wait for people, as `issue` wants them seen."""
    return Envelope(data=DraftsAnswer.of(releasing.drafts(context, parse_month(month))))


@router.get("/months/{month}/verification", dependencies=READ)
def verify_month(month: OfMonth, context: Context) -> Envelope[VerificationAnswer]:
    """The month worked out again from the facts."""
    wrong = verifying.verify(context, parse_month(month))
    differences = [InvoiceDifferenceAnswer(**plain(each)) for each in wrong]
    return Envelope(data=VerificationAnswer(equal=not wrong, differences=differences))


@router.get("/{invoice}", dependencies=READ, responses=MISSING)
def show_invoice(invoice: Named, context: Context, response: Response) -> Envelope[InvoiceDetailAnswer]:
    """One with its history. Its ETag goes into the If-Match of what is decided about it."""
    row = reading.invoice(context, invoice)
    response.headers["ETag"] = f'"{row["revision"]}"'
    history, proposals = reading.history(context, row["id"]), voiding.proposals(context, row["id"])
    return Envelope(data=InvoiceDetailAnswer.of(row, history=history, proposals=proposals))


@router.get("/{invoice}/pdf", dependencies=READ, response_class=Response, responses=BINARY)
def download_invoice(invoice: Named, context: Context) -> Response:
    """The original as it was issued. 409: it is not."""
    return _pdf(reading.original(context, invoice), invoice)


@router.get("/{invoice}/preview", dependencies=READ, response_class=Response, responses=BINARY)
def preview_invoice(invoice: Named, context: Context) -> Response:
    """Printed anew: the same bytes as were issued, of a draft under the number DRAFT. 409: there is no document."""
    return _pdf(reading.render(context, invoice).pdf, invoice)


def _pdf(content: bytes, name: str) -> Response:
    called = f"inline; filename*=UTF-8''{quote(name, safe='')}.pdf"
    headers = {"Content-Disposition": called, "Cache-Control": "private, no-cache"}
    return Response(content, media_type=PDF, headers=headers)


actions.route(
    router,
    ISSUE,
    "/months/{month}/issue",
    name="issue_invoices",
    doc="Agree to the drafts of a month, given their count and total as seen; the second person's word issues them.",
    session=Acting,
    target=OfMonth,
    answer=DraftsAnswer,
    of=lambda done: DraftsAnswer.of(done.drafts, issued=done.issued),
)
_of_invoice = partial(actions.route, router, session=Acting, target=Named)
_of_invoice(
    VOID,
    "/{invoice}/void",
    name="void_invoice",
    doc="Make an issued document void, once a second person says so too. It keeps its number; the next run of its "
    "month makes a new one that names it.",
    answer=InvoiceDecisionAnswer,
    version=lambda done: int(done.invoice["revision"]),
)
_of_invoice(
    CREDIT,
    "/{invoice}/credit",
    name="credit_invoice",
    doc="Give back an issued invoice or parts of it by a credit note, once a second person says the same.",
    answer=CreditAnswer,
)

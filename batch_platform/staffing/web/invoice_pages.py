"""Console pages of invoices that show: the search, a month, one with its document and its history."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response

from batch_platform.core.failures import NotFound
from batch_platform.kit import lists
from batch_platform.staffing.documents import pictures
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.months import parse_month, shifted
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices import monthly, reading, releasing, voiding
from batch_platform.staffing.store.originals import PDF
from batch_platform.staffing.web.context import Context
from batch_platform.staffing.web.invoice_lists import INVOICES
from batch_platform.staffing.web.rendering import HOME, READ, ROWS, page
from batch_platform.web.api.strict import Month, QueryInt

LIST: Final = f"{HOME}/invoices"
MONTH: Final = f"{LIST}/months/{{month}}"
INVOICE: Final = f"{LIST}/{{invoice}}"
PNG: Final = "image/png"

OfMonth = Annotated[Month, Path()]

router = APIRouter(include_in_schema=False)


@router.get(LIST, dependencies=READ)
def invoices_page(request: Request, context: Context) -> Response:
    """The search, by date, amount and counterparty with ranges."""
    shown = lists.page(context, INVOICES, request.query_params, limit=ROWS)
    return page(request, "invoices", shown=shown, month=shown.filters.month or _last_month(context))


@router.get(MONTH, dependencies=READ)
def month_page(request: Request, context: Context, month: OfMonth) -> Response:
    """How a month stands, and the drafts that wait for people."""
    first = parse_month(month)
    return page(
        request,
        "invoice_month",
        month=month,
        before=f"{shifted(first, -1):%Y-%m}",
        after=f"{shifted(first, 1):%Y-%m}",
        outcome=monthly.standing(context, first),
        drafts=releasing.drafts(context, first),
    )


@router.get(INVOICE, dependencies=READ)
def invoice_page(request: Request, context: Context, invoice: str) -> Response:
    """One with what its document says, its history, and what people have proposed."""
    row = reading.invoice(context, invoice)
    name = str(row["id"])
    return page(
        request,
        "invoice",
        row=row,
        bill=reading.bill(context, name),
        history=reading.history(context, row["id"]),
        proposals=voiding.proposals(context, row["id"]),
    )


@router.get(f"{INVOICE}/pdf", dependencies=READ)
def pdf(context: Context, invoice: str) -> Response:
    """The document: the original, or of a draft what it would be."""
    name, content = _document(context, invoice)
    return sent(content, PDF, f"{name}.pdf")


@router.get(f"{INVOICE}/picture", dependencies=READ)
def picture(context: Context, invoice: str, number: QueryInt = 1) -> Response:
    """A page of the document as a picture."""
    name, content = _document(context, invoice)
    return sent(drawn(content, number), PNG, f"{name}.png")


def drawn(content: bytes, number: int) -> bytes:
    """A page of a PDF as PNG. Raises `NotFound`."""
    try:
        return pictures.picture(content, page=number)
    except IndexError:
        raise NotFound("no-page", "the document has no page {number}", number=number, field="number") from None


def sent(content: bytes, media_type: str, filename: str) -> Response:
    """A document for the browser to show."""
    called = f"inline; filename*=UTF-8''{quote(filename, safe='')}"
    headers = {"Content-Disposition": called, "Cache-Control": "private, no-cache"}
    return Response(content, media_type=media_type, headers=headers)


def _document(context: StaffingContext, invoice: str) -> tuple[str, bytes]:
    row: dict[str, Any] = reading.invoice(context, invoice)
    name = str(row["id"])
    if row["number"] is None:
        return "DRAFT", reading.render(context, name).pdf
    return row["number"], reading.original(context, name)


def _last_month(context: StaffingContext) -> str:
    today: date = business_day(context.clock())
    return f"{shifted(today.replace(day=1), -1):%Y-%m}"

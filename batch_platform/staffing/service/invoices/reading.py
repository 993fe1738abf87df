"""Looking at invoices and credit notes: lists by date, amount and counterparty, one with its history, its PDF."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from batch_platform.core import cursors
from batch_platform.core.failures import Conflict, NotFound, PermanentFailure
from batch_platform.staffing import bills
from batch_platform.staffing.documents import bill as printing
from batch_platform.staffing.documents.model import Bill, Rendered
from batch_platform.staffing.model import InvoiceKind, InvoiceState
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

LISTED: Final = (InvoiceState.DRAFT, InvoiceState.ISSUED)
"""What lists show unless they are asked for something else."""


@dataclass(frozen=True)
class Search:
    """What is looked for; ranges hold their ends, amounts are yen with tax.

    `counterparty` is a part of the name that the document gives; `company_ids` are as tables hold them.
    """

    month: date | None = None
    kind: InvoiceKind | None = None
    states: tuple[InvoiceState, ...] | None = LISTED
    company_ids: tuple[str, ...] | None = None
    counterparty: str | None = None
    issued_from: date | None = None
    issued_to: date | None = None
    total_from: int | None = None
    total_to: int | None = None


@dataclass(frozen=True)
class Event:
    """What became of an invoice: who did what when."""

    at: datetime
    by: str
    state: str
    detail: dict[str, Any]


def invoices(
    context: StaffingContext, search: Search, *, limit: int, cursor: str | None = None
) -> tuple[list[Row], str | None]:
    """A page by month, company and contract, and the cursor of the next one."""
    after = cursors.decode(cursor, after=str).get("after")
    filters = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(search).items()}
    with context.store.snapshot() as session:
        rows = session.invoices_page(**filters, after=after and _uuid(after), limit=limit + 1)
    return cursors.cut(rows, limit, lambda row: {"after": str(row["id"])})


def invoice(context: StaffingContext, name: str) -> Row:
    """One by its number or its id. Raises `NotFound`, and `Conflict` for a number that two issuers have given."""
    with context.store.snapshot() as session:
        return named(session, name)


def named(session: Session, name: str) -> Row:
    """As `invoice`, within a transaction."""
    key: dict[str, Any]
    try:
        key = {"id": UUID(name)}
    except ValueError:
        key = {"number": name}
    rows = session.invoices_page(**key, limit=2)
    if not rows:
        raise NotFound("no-invoice", "there is no invoice {invoice}", invoice=name, field="invoice")
    if len(rows) > 1:
        raise Conflict(
            "invoice-ambiguous",
            "two issuers have an invoice {invoice}: name it by its id, {ids}",
            invoice=name,
            ids=[str(row["id"]) for row in rows],
            field="invoice",
        )
    return rows[0]


def bill(context: StaffingContext, name: str) -> Bill | None:
    """What its document says; None where there is none. Raises as `invoice`."""
    with context.store.snapshot() as session:
        kept = session.invoice_document(named(session, name)["id"])
    return None if kept is None or kept["document"] is None else bills.read(kept["document"], kept["number"])


def history(context: StaffingContext, invoice_id: UUID) -> list[Event]:
    """What became of an invoice, oldest first."""
    with context.store.snapshot() as session:
        return [Event(**row) for row in session.invoice_events(invoice_id)]


def render(context: StaffingContext, name: str) -> Rendered:
    """The document printed again from what is kept of it: the same bytes as were issued; a draft as `DRAFT`.

    Raises `NotFound`, `Conflict` where there is no document, and `PermanentFailure` should the bytes differ.
    """
    row, kept = _document(context, name)
    rendered = printing.render(bills.read(kept["document"], kept["number"]))
    if kept["pdf_sha256"] not in (None, rendered.sha256):
        raise PermanentFailure(
            "render-differs",
            "invoice {invoice} is printed otherwise than it was issued: SHA-256 {found}, not {issued}",
            invoice=row["number"],
            found=rendered.sha256,
            issued=kept["pdf_sha256"],
        )
    return rendered


def original(context: StaffingContext, name: str) -> bytes:
    """The PDF as it was issued. Raises as `render`, and `Conflict` for one that is not issued."""
    row, kept = _document(context, name)
    if kept["object_key"] is None:
        raise Conflict("invoice-not-issued", "invoice {invoice} is not issued", invoice=name, field="state")
    return context.originals.get(kept["object_key"], row["pdf_sha256"])


def _document(context: StaffingContext, name: str) -> tuple[Row, Row]:
    with context.store.snapshot() as session:
        row = named(session, name)
        kept = session.invoice_document(row["id"])
    if kept is None or kept["document"] is None:
        raise Conflict(
            "no-document",
            "invoice {invoice} is {state}: there is no document of it",
            invoice=name,
            state=row["state"],
            field="state",
        )
    return row, kept


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise cursors.foreign() from None

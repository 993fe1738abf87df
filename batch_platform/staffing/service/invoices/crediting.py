"""What is given back of an invoice: a credit note (適格返還請求書) with a number of its own series, once two agree.

It is dated the day on which the second person agrees. One living credit note an invoice: who gives back more makes
the first one void and another of the whole sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import Conflict
from batch_platform.core.ids import uuid7
from batch_platform.core.numbers import plain
from batch_platform.staffing import bills
from batch_platform.staffing.contracts import PriceType
from batch_platform.staffing.credit_notes import CreditNote, Part, of_parts, of_whole
from batch_platform.staffing.documents import model as documents
from batch_platform.staffing.documents.assembly import credit_note_bill
from batch_platform.staffing.documents.fonts import all_printable
from batch_platform.staffing.model import InvoiceKind
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.invoices import notices
from batch_platform.staffing.service.invoices.approvals import Deed, Proposal, Record, agree, require_new
from batch_platform.staffing.service.invoices.numbering import Numbers, numbered, series_of, stored
from batch_platform.staffing.service.invoices.reading import named
from batch_platform.staffing.service.invoices.voiding import held_issued
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row
from batch_platform.staffing.tax import Rounding

CREDIT: Final = "invoice.credit"
"""What the audit log calls it."""

Parts = Literal["all"] | Sequence[Part]
"""All of an invoice, or yen by rate in its price type."""


@dataclass(frozen=True)
class Credit:
    """The figures that are given back, which are below 0, and the credit note; None until another person agrees."""

    invoice: Row
    figures: CreditNote
    credit_note: Row | None


def creditable(
    context: StaffingContext, name: str, parts: Parts, *, by: str, version: int | None, remarks: str = ""
) -> Credit:
    """What `by` would give back now. Raises as `credit` does."""
    with context.store.transaction() as session:
        held = _held(session, name, version)
        figures = _figures(held, parts)
        all_printable(_bill(held, figures, _today(context.clock()), remarks), InvoiceKind.CREDIT_NOTE)
        require_new(session, _proposal(held, parts, remarks), by)
        return Credit(named(session, str(held["id"])), figures, None)


def credit(
    context: StaffingContext,
    name: str,
    parts: Parts,
    *,
    by: str,
    version: int | None,
    remarks: str = "",
    record: Record,
) -> Credit:
    """Give back an issued invoice or parts of it, once two people say the same.

    Raises `NotFound`; `InvalidInput` for remarks that cannot be printed; `Conflict` for more than the invoice has,
    one that is not issued, was changed since `version`, is given back already, or for the same person again.
    """
    with context.store.transaction() as session:
        held = _held(session, name, version)
        now = context.clock()
        figures = _figures(held, parts)
        bill = _bill(held, figures, _today(now), remarks)
        all_printable(bill, InvoiceKind.CREDIT_NOTE)
        agreement = agree(session, _proposal(held, parts, remarks), by=by, now=now, reason=remarks or None)
        people = list(agreement.people) if agreement else [by]
        number = _issue(context, session, held, figures, bill, people, by=by, now=now) if agreement else None
        after = {"parts": _written(parts), "total": figures.total, "approved_by": people, "credit_note": number}
        record(session.connection, CREDIT, held["number"], None, after)
        note = session.invoices_page(of_invoice=held["id"], states=["issued"], limit=1) if number else []
        return Credit(named(session, str(held["id"])), figures, note[0] if note else None)


def _held(session: Session, name: str, version: int | None) -> Row:
    held = held_issued(session, name, version)
    if held["kind"] != InvoiceKind.INVOICE:
        raise Conflict(
            "credit-of-credit-note",
            "{invoice} is a credit note: there is nothing to give back",
            invoice=name,
            field="invoice",
        )
    return held


def _figures(held: Row, parts: Parts) -> CreditNote:
    per_rate = bills.read(held["document"], held["number"]).per_rate
    if parts == "all":
        return of_whole(per_rate)
    return of_parts(per_rate, parts, PriceType(held["price_type"]), Rounding(held["rounding"]))


def _bill(held: Row, figures: CreditNote, today: date, remarks: str) -> documents.Bill:
    original = bills.read(held["document"], held["number"])
    return credit_note_bill(figures.per_rate, original, number=documents.DRAFT, issue_date=today, remarks=remarks)


def _issue(
    context: StaffingContext,
    session: Session,
    held: Row,
    figures: CreditNote,
    bill: documents.Bill,
    people: Sequence[str],
    *,
    by: str,
    now: datetime,
) -> str:
    row = {
        "id": uuid7(now),
        "kind": InvoiceKind.CREDIT_NOTE,
        **{name: held[name] for name in ("month", "contract_id", "company_id", "issuer", "price_type", "rounding")},
        "issue_date": bill.issue_date,
        "document": bills.written(bill),
        "number_prefix": held["credit_number_prefix"],
        "email": held["email"],
    }
    numbers = Numbers(session)
    numbers.hold([series_of(row)])
    issue = stored(context.originals, numbered(row, numbers))
    saved = {
        **row,
        **issue.columns,
        **{name: getattr(bill, name) for name in ("subtotal", "tax", "total")},
        "per_rate": bills.per_rate(bill),
        "of_invoice": held["id"],
        "issue_required": figures.issue_required,
        "approved_by": people,
    }
    session.add_credit_note(saved, reason=bill.remarks, by=by, now=now)
    numbers.write()
    notices.tell(session, context.originals.bucket, [issue], now=now)
    return issue.printed.bill.number


def _proposal(held: Row, parts: Parts, remarks: str) -> Proposal:
    seen = {"revision": held["revision"], "parts": _written(parts), "remarks": remarks}
    return Proposal(Deed.CREDIT, str(held["id"]), seen)


def _written(parts: Parts) -> Any:
    if isinstance(parts, str):
        return parts
    return [{"rate": None if part.rate is None else plain(part.rate), "amount": part.amount} for part in parts]


def _today(now: datetime) -> date:
    return now.astimezone(BUSINESS_ZONE).date()

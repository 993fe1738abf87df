"""A wrong document is void: it keeps its number, and the next run of its month makes a full new one that names it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.staffing.model import InvoiceState
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.invoices.approvals import Deed, Proposal, Record, agree, require_new, waiting
from batch_platform.staffing.service.invoices.reading import named
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

VOID: Final = "invoice.void"
"""What the audit log calls it."""


@dataclass(frozen=True)
class Decision:
    """The document as it stands, and whether it is done; if not, another person has to agree."""

    invoice: Row
    done: bool


def voidable(context: StaffingContext, name: str, *, by: str, version: int | None, reason: str | None) -> Row:
    """The document as `by` may void it now. Raises as `void` does."""
    with context.store.transaction() as session:
        held = _held(session, name, version)
        require_new(session, _proposal(held), by)
        _reason(session, held, reason)
        return named(session, str(held["id"]))


def void(
    context: StaffingContext, name: str, *, by: str, version: int | None, reason: str | None, record: Record
) -> Decision:
    """Void an issued invoice or credit note, once two people say so. The first one gives the reason.

    Raises `NotFound`; `InvalidInput` without a reason; `Conflict` for one that is not issued, was changed since
    `version`, has a credit note, or for the same person again. Nothing has changed then.
    """
    with context.store.transaction() as session:
        held = _held(session, name, version)
        given = _reason(session, held, reason)
        now = context.clock()
        agreement = agree(session, _proposal(held), by=by, now=now, reason=reason)
        people = [by]
        if agreement is not None:
            people = list(agreement.people)
            session.void_invoice(held["id"], reason=given, approvers=people, by=by, now=now)
        after = {"reason": given, "approved_by": people, "void": agreement is not None}
        record(session.connection, VOID, held["number"], {"state": held["state"]}, after)
        return Decision(named(session, str(held["id"])), agreement is not None)


def held_issued(session: Session, name: str, version: int | None) -> Row:
    """An issued document of this version, locked. Raises `NotFound` and `Conflict`."""
    row = named(session, name)
    session.lock_month(row["month"])
    if row["state"] not in (InvoiceState.ISSUED, InvoiceState.VOID):
        raise not_issued(name)
    held = session.hold_invoice(row["id"])
    if version is not None and held["revision"] != version:
        raise Conflict(
            "invoice-changed",
            "invoice {invoice} has changed: it is revision {found}, not {seen}",
            invoice=name,
            found=held["revision"],
            seen=version,
            field="version",
        )
    if held["state"] != InvoiceState.ISSUED:
        raise not_issued(name)
    if held["credited_by"] is not None:
        raise Conflict(
            "invoice-credited",
            "invoice {invoice} is given back by credit note {credit_note}, which would have to be void first",
            invoice=name,
            credit_note=held["credited_by"],
            field="invoice",
        )
    return held


def not_issued(name: str) -> Conflict:
    """For a document that there is no number of, or no more."""
    return Conflict("invoice-not-issued", "invoice {invoice} is not issued", invoice=name, field="state")


def proposals(context: StaffingContext, invoice_id: UUID) -> list[Row]:
    """What people have proposed to do with a document: `deed`, `by`, `at`, `seen`, `reason`."""
    with context.store.snapshot() as session:
        return [
            {"deed": deed.value, **row}
            for deed in (Deed.VOID, Deed.CREDIT)
            for row in session.waiting_approvals(deed, str(invoice_id))
        ]


def _held(session: Session, name: str, version: int | None) -> Row:
    return held_issued(session, name, version)


def _proposal(held: Row) -> Proposal:
    return Proposal(Deed.VOID, str(held["id"]), {"revision": held["revision"]})


def _reason(session: Session, held: Row, given: str | None) -> str:
    reasons = [given, *(row["reason"] for row in waiting(session, _proposal(held)))]
    first: str | None = next((reason.strip() for reason in reasons if reason and reason.strip()), None)
    if first is None:
        raise InvalidInput("void-reason", "say why invoice {invoice} is void", invoice=held["number"], field="reason")
    return first

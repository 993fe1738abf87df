"""What each contract of a month comes to now: a draft, or why there is none; each contract by itself.

A draft is made anew until it is issued. It is one only if it can be printed: where people are to look at drafts, by
printing it under the number `DRAFT`; where a run issues them next, by all of its characters being in the fonts, for
the print under its number follows at once, and only what was printed takes that number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import psycopg
from pydantic import ValidationError

from batch_platform.core.failures import InvalidInput, NotFound, PlatformError
from batch_platform.core.messages import Message, to_json
from batch_platform.core.progress import report
from batch_platform.core.validation import refusal_of
from batch_platform.staffing import bills
from batch_platform.staffing.billing import DayUsage
from batch_platform.staffing.contracts import Contract, Discount, Extra
from batch_platform.staffing.documents import bill as printing
from batch_platform.staffing.documents import model as documents
from batch_platform.staffing.documents.assembly import invoice_bill
from batch_platform.staffing.documents.fonts import all_printable
from batch_platform.staffing.ids import shown
from batch_platform.staffing.invoices import NoInvoice, Reason, invoice
from batch_platform.staffing.model import InvoiceState
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row
from batch_platform.staffing.tax import Rounding, TaxRate

_CHUNK: Final = 500
_FIELDS: Final = ("start", "end", "terms", "payment", "price_type", "proration")


@dataclass(frozen=True)
class Rules:
    """What all contracts share: issuers by registration number, tax rates."""

    issuers: Mapping[str, Row]
    rates: Sequence[TaxRate]


def require_month(day: date) -> None:
    """Raises `InvalidInput` for a day that is not the first of a month, naming that."""
    if day.day != 1:
        raise InvalidInput(
            "not-first-of-month",
            "{day} is not the first day of a month; the month is billed as {first}",
            day=day,
            first=day.replace(day=1),
            field="date",
        )


def draft(context: StaffingContext, month: date, *, by: str) -> int:
    """Make the drafts of a month; how many differ from what was there. What is issued stays."""
    with context.store.snapshot() as session:
        contract_ids = session.contracts_to_bill(month)
    changed = 0
    for first in range(0, len(contract_ids), _CHUNK):
        report(f"invoices of {month:%Y-%m}: {first} of {len(contract_ids)} drafted")
        with context.store.transaction() as session:
            session.lock_month(month)
            chunk = contract_ids[first : first + _CHUNK]
            rows = computed(session, month, chunk, printed=context.invoice_review)
            changed += _save(session, month, rows, by=by, now=context.clock())
    return changed


def computed(session: Session, month: date, contract_ids: Sequence[str], *, printed: bool) -> list[Row]:
    """The rows of these contracts as they would be saved. A contract that cannot be billed says why, alone."""
    rules = read_rules(session)
    facts = session.billing_facts(month, contract_ids)
    return [_alone(row, month, rules, printed=printed) for row in facts]


def read_rules(session: Session) -> Rules:
    """Issuers and tax rates as they stand."""
    rates = [TaxRate.model_validate(row) for row in session.tax_rates()]
    return Rules({row["registration_number"]: row for row in session.issuers()}, rates)


def _alone(facts: Row, month: date, rules: Rules, *, printed: bool) -> Row:
    row = {"contract_id": facts["contract_id"], "company_id": facts["company_id"]}
    try:
        return row | _outcome(facts, month, rules, printed=printed)
    except ValidationError as error:
        failure = refusal_of(error).message
    except PlatformError as error:
        failure = error.message
    return row | {"state": InvoiceState.FAILED, "failure": to_json(failure)}


def _outcome(facts: Row, month: date, rules: Rules, *, printed: bool) -> Row:
    contract = contract_of(facts["contract"])
    issuer = issuer_of(facts, rules)
    outcome = invoice(
        contract,
        month,
        usage_of(facts),
        discounts=[Discount.model_validate(each) for each in facts["contract"]["discounts"]],
        extras=[Extra.model_validate(each) for each in facts["contract"]["extras"]],
        rounding=Rounding(issuer["tax_rounding"]),
        rates=rules.rates,
    )
    if isinstance(outcome, NoInvoice):
        missing = [day.isoformat() for day in outcome.days]
        waits = outcome.reason is Reason.WAITING_FOR_USAGE
        state = InvoiceState.WAITING_FOR_USAGE if waits else InvoiceState.NOTHING_DUE
        return {"state": state, "missing_days": missing}
    bill = invoice_bill(
        outcome,
        contract,
        number=documents.DRAFT,
        contract_id=shown(facts["contract_id"]),
        issuer=_issuer(issuer),
        recipient=_recipient(facts),
        replaces=facts["replaced_number"] or "",
    )
    prove(bill, printed=printed)
    return {
        "state": InvoiceState.DRAFT,
        "issuer": issuer["registration_number"],
        "price_type": contract.price_type,
        "rounding": issuer["tax_rounding"],
        "issue_date": bill.issue_date,
        "due_date": bill.due_date,
        "subtotal": bill.subtotal,
        "tax": bill.tax,
        "total": bill.total,
        "per_rate": bills.per_rate(bill),
        "document": bills.written(bill),
        "facts": {"contract": facts["contract"], "usage": facts["usage"]},
        "replaces": facts["replaces"],
    }


def prove(bill: documents.Bill, *, printed: bool) -> None:
    """Raises `InvalidInput` for a bill that cannot be printed, naming the field and the characters."""
    if printed:
        printing.render(bill)
    else:
        all_printable(bill, bill.kind)


def contract_of(row: Mapping[str, Any]) -> Contract:
    """The contract that a row holds."""
    values = {**row, "start": row["starts_on"], "end": row["ends_on"]}
    return Contract.model_validate({name: values[name] for name in _FIELDS})


def usage_of(facts: Row) -> dict[date, DayUsage]:
    """The usage of the days that are known."""
    return {date.fromisoformat(day): DayUsage(*counts) for day, counts in facts["usage"].items()}


def issuer_of(facts: Row, rules: Rules) -> Row:
    """The contract's own, or the only one there is. Raises `NotFound`, and `InvalidInput` where it must be named."""
    named = facts["issuer"]
    if named is None and len(rules.issuers) == 1:
        [only] = rules.issuers.values()
        return only
    if named is None and rules.issuers:
        raise InvalidInput(
            "issuer-unnamed",
            "contract {contract} names no issuer, and there are several",
            contract=shown(facts["contract_id"]),
            field="issuer",
        )
    if named is None or named not in rules.issuers:
        raise NotFound("no-issuer", "there is no issuer {issuer}", issuer=named or "", field="issuer")
    return rules.issuers[named]


def _issuer(row: Row) -> documents.Issuer:
    optional = {name: row[name] or "" for name in ("address", "phone", "bank_account")}
    return documents.Issuer(name=row["name"], registration_number=row["registration_number"], **optional)


def _recipient(facts: Row) -> documents.Recipient:
    if facts["company_name"] is None:
        raise NotFound(
            "no-company", "there is no company {company}", company=shown(facts["company_id"]), field="company_id"
        )
    return documents.Recipient(
        name=facts["company_name"], address=facts["company_address"] or "", email=facts["company_email"] or ""
    )


def _save(session: Session, month: date, rows: Sequence[Row], *, by: str, now: datetime) -> int:
    """All at once; where the database refuses some, one after the other, so that these stop no other."""
    try:
        with session.connection.transaction():
            return session.save_drafts(month, rows, by=by, now=now)
    except (psycopg.DataError, psycopg.IntegrityError):
        return sum(_save_alone(session, month, row, by=by, now=now) for row in rows)


def _save_alone(session: Session, month: date, row: Row, *, by: str, now: datetime) -> int:
    try:
        with session.connection.transaction():
            return session.save_drafts(month, [row], by=by, now=now)
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        reason = Message(
            "invoice-refused", "the database refuses it: {reason}", reason=error.diag.message_primary or ""
        )
        failed = {
            "contract_id": row["contract_id"],
            "company_id": row["company_id"],
            "state": InvoiceState.FAILED,
            "failure": to_json(reason),
        }
        return session.save_drafts(month, [failed], by=by, now=now)

"""The invoices of a month against the facts: worked out again, nobody forgotten, nobody billed or mailed twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from pydantic import TypeAdapter

from batch_platform.core.messages import from_json
from batch_platform.core.numbers import plain
from batch_platform.outbox.service import states
from batch_platform.staffing import ids
from batch_platform.staffing.due_dates import Closing, NetDays, Payment, due_date, issue_date
from batch_platform.staffing.model import InvoiceState
from batch_platform.staffing.recomputation import per_rate
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.invoices import notices
from batch_platform.staffing.service.invoices.drafting import require_month
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

COMPLETE: Final = "month_complete"
CHECKS: Final[Mapping[str, str]] = {
    COMPLETE: "every contract of the month is billed, waits for usage, or owes nothing; none has failed",
    "totals_recomputed": "amounts, rates and dates are those of the facts, worked out a second time",
    "nobody_twice": "no contract is billed twice, no invoice is mailed twice or not at all",
    "numbers_gapless": "the numbers of each series are 1 to its counter, each once",
}
"""What is verified, by name."""

_PAYMENT: Final[TypeAdapter[Closing | NetDays]] = TypeAdapter(Payment)
_BILLED: Final = (InvoiceState.ISSUED, InvoiceState.DRAFT)


@dataclass(frozen=True)
class Difference:
    """What is stored otherwise than it has to be; None for what is not there. `check` is one of `CHECKS`."""

    check: str
    what: str
    expected: Any
    found: Any


def verify(context: StaffingContext, month: date) -> list[Difference]:
    """What is wrong with the invoices of a month; nothing is written. Raises `InvalidInput` as `require_month`."""
    require_month(month)
    with context.store.snapshot() as session:
        return [*_contracts(session, month), *_strays(session, month), *_twice(session, month), *_series(session)]


def _contracts(session: Session, month: date) -> Iterator[Difference]:
    for row in session.recomputed_charges(month):
        what = f"contract {ids.shown(row['contract_id'])}"
        expected = _expected(row, month)
        state = None if row["state"] is None else InvoiceState(row["state"])
        if expected is None or (not isinstance(expected, InvoiceState) and state not in _BILLED):
            yield Difference(COMPLETE, what, "billed", _state(row))
        elif not isinstance(expected, InvoiceState):
            yield from _amounts(what, expected, row)
        elif state is not expected:
            yield Difference(COMPLETE, what, expected.value, _state(row))


def _expected(row: Row, month: date) -> InvoiceState | Row | None:
    """The state of a contract that is not billed, or what its invoice says; None where facts lack for it."""
    if row["missing_days"]:
        return InvoiceState.WAITING_FOR_USAGE
    if row["lacks_rate"] or row["tax_rounding"] is None or not row["has_company"]:
        return None
    amounts = {None if rate is None else Decimal(rate): int(amount) for rate, amount in row["amounts"]}
    lines = per_rate(amounts, row["discounts"], price_type=row["price_type"], rounding=row["tax_rounding"])
    subtotal, tax = sum(net for _, net, _ in lines), sum(tax for _, _, tax in lines)
    if subtotal + tax <= 0:
        return InvoiceState.NOTHING_DUE
    return {
        "issue_date": issue_date(month),
        "due_date": due_date(_PAYMENT.validate_python(row["payment"]), month),
        "subtotal": subtotal,
        "tax": tax,
        "total": subtotal + tax,
        "per_rate": [
            {"rate": None if rate is None else plain(rate), "net": net, "tax": tax, "gross": net + tax}
            for rate, net, tax in lines
        ],
    }


def _amounts(what: str, expected: Row, row: Row) -> Iterator[Difference]:
    named = f"{what} {row['number'] or row['state']}"
    for name, value in expected.items():
        if row[name] != value:
            yield Difference("totals_recomputed", f"{named}: {name}", _json(value), _json(row[name]))


def _strays(session: Session, month: date) -> Iterator[Difference]:
    for row in session.stray_invoices(month):
        what = f"contract {ids.shown(row['contract_id'])}"
        yield Difference(COMPLETE, what, None, row["number"] or row["state"])


def _twice(session: Session, month: date) -> Iterator[Difference]:
    for row in session.billed_twice(month):
        what = f"contract {ids.shown(row['contract_id'])}: {row['kind']}"
        yield Difference("nobody_twice", what, 1, row["documents"])
    issued = session.issued_documents(month)
    notified = states(session.connection, notices.DOMAIN, [notices.key(row["id"]) for row in issued])
    for row in issued:
        mailed = notices.key(row["id"]) in notified
        if mailed != (row["mailed_to"] is not None):
            yield Difference("nobody_twice", f"{row['number']}: mails", int(not mailed), int(mailed))


def _series(session: Session) -> Iterator[Difference]:
    for row in session.broken_series():
        what = f"{row['kind']} {row['issuer']} {row['year']}"
        series = {"documents": row["documents"], "last": row["last"]}
        yield Difference("numbers_gapless", what, row["counter"], series)


def _state(row: Row) -> str | None:
    if row["state"] == InvoiceState.FAILED and row["failure"]:
        return f"failed: {from_json(row['failure'])}"
    state: str | None = row["state"]
    return state


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def by_check(differences: Sequence[Difference]) -> dict[str, list[Difference]]:
    """Those of each check; none of one that holds."""
    return {check: [each for each in differences if each.check == check] for check in CHECKS}

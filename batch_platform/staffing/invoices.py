"""The invoice of a contract for a month (適格請求書): its lines, discounts, tax by rate, and dates.

Nothing is billed while the usage of a covered day is missing, and nothing is due where the total is 0, or where the
contract does not overlap the month: not even the month's one-off items. A total below 0, of negative items, asks for
no money either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from batch_platform.staffing.billing import DayUsage, Line, lines, missing_days
from batch_platform.staffing.contracts import Contract, Discount, Extra, covers
from batch_platform.staffing.discounts import Reduction, reductions
from batch_platform.staffing.due_dates import due_date, issue_date
from batch_platform.staffing.tax import Document, Rate, Rounding, TaxRate, descending, total


class Reason(StrEnum):
    """Why there is no invoice."""

    NOTHING_DUE = "nothing_due"
    WAITING_FOR_USAGE = "waiting_for_usage"


@dataclass(frozen=True)
class NoInvoice:
    """`days` are those whose usage is missing."""

    reason: Reason
    days: Sequence[date] = ()


@dataclass(frozen=True)
class Invoice(Document):
    """A month of a contract in yen. Lines and reductions are in the contract's price type."""

    month: date
    issue_date: date
    due_date: date
    lines: Sequence[Line]
    reductions: Sequence[Reduction]


def invoice(
    contract: Contract,
    month: date,
    usage: Mapping[date, DayUsage],
    *,
    discounts: Sequence[Discount],
    extras: Sequence[Extra],
    rounding: Rounding,
    rates: Sequence[TaxRate],
) -> Invoice | NoInvoice:
    """What a contract owes for a month, by the usage of its days; further days may be there.

    Raises `NotFound` for a line whose category has no tax rate on its last day.
    """
    if not covers(contract, month):
        return NoInvoice(Reason.NOTHING_DUE)
    missing = missing_days(contract, month, usage)
    if missing:
        return NoInvoice(Reason.WAITING_FOR_USAGE, missing)
    charged = lines(contract, month, usage, extras=extras, rates=rates)
    taken = reductions(_by_rate(charged), discounts)
    amounts = _by_rate(charged)
    for reduction in taken:
        amounts[reduction.rate] -= reduction.amount
    per_rate = [total(rate, amount, contract.price_type, rounding) for rate, amount in amounts.items() if amount]
    billed = Invoice(
        month=month,
        issue_date=issue_date(month),
        due_date=due_date(contract.payment, month),
        lines=charged,
        reductions=taken,
        per_rate=descending(per_rate),
    )
    return billed if billed.total > 0 else NoInvoice(Reason.NOTHING_DUE)


def _by_rate(charged: Sequence[Line]) -> dict[Rate, int]:
    amounts: defaultdict[Rate, int] = defaultdict(int)
    for line in charged:
        amounts[line.rate] += line.amount
    return amounts

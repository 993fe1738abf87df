"""How a month stands against its budget: exact, in the budget's measure and currency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from enum import StrEnum
from typing import Final

from batch_platform.finops.model import Budget, MonthState

_SHARE: Final = Decimal("0.0001")
_DIGITS: Final = 60  # more than two amounts of 38 digits need


class BudgetState(StrEnum):
    """exceeded: more is spent. at_risk: the forecast for the month is more. ok: neither."""

    OK = "ok"
    AT_RISK = "at_risk"
    EXCEEDED = "exceeded"


@dataclass(frozen=True)
class BudgetStatus:
    """A budget and one month: amounts in the budget's currency, `share` spent of the amount (4 decimals, half-even).

    `projected` is what the whole month will have cost; of a month that has ended it is what was spent.
    """

    budget: Budget
    month: date
    month_state: MonthState
    manifest_version: str
    spent: Decimal
    projected: Decimal
    share: Decimal
    state: BudgetState


def share_of(spent: Decimal, amount: Decimal) -> Decimal:
    """`spent / amount`, half-even at 4 decimals."""
    with localcontext(prec=_DIGITS):
        return (spent / amount).quantize(_SHARE, rounding=ROUND_HALF_EVEN)


def state_of(amount: Decimal, *, spent: Decimal, projected: Decimal) -> BudgetState:
    """Compared exactly; an amount that is just reached is not exceeded."""
    if spent > amount:
        return BudgetState.EXCEEDED
    return BudgetState.AT_RISK if projected > amount else BudgetState.OK

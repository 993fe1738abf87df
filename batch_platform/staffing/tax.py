"""Consumption tax: the rate of a category on a day, and one rounding per rate and document (適格請求書).

Net prices: tax = round(net·r/100). Gross prices: tax = round(gross·r/(100+r)), taken out of them. The rounding is the
issuer's and works on the magnitude, so that what is taken back is rounded as it was charged. A rate of None is exempt
(非課税) and has no tax; a rate of 0 (免税) has one of 0. Rows hold until their `valid_to` and on it; of two that hold
on a day the one that began later counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from batch_platform.core.failures import NotFound
from batch_platform.core.json_lines import Day, Name, Strict
from batch_platform.staffing.contracts import PriceType
from batch_platform.staffing.fields import Percent

Rate = Decimal | None
"""Percent; None is exempt."""
_EXEMPT_RANK: Final = Decimal(-1)


class Rounding(StrEnum):
    """What becomes of a part of a yen of tax."""

    FLOOR = "floor"
    HALF_UP = "half_up"
    CEIL = "ceil"


class TaxRate(Strict):
    """The rate of a category from a day to a day, both inclusive."""

    category: Name
    rate: Percent | None
    valid_from: Day
    valid_to: Day | None = None


@dataclass(frozen=True)
class RateTotal:
    """Yen of one rate on a document."""

    rate: Rate
    net: int
    tax: int
    gross: int


@dataclass(frozen=True)
class Document:
    """What an invoice or a credit note comes to, by rate from the highest on, in yen."""

    per_rate: Sequence[RateTotal]

    @property
    def subtotal(self) -> int:
        """Without tax."""
        return sum(each.net for each in self.per_rate)

    @property
    def tax(self) -> int:
        """Consumption tax."""
        return sum(each.tax for each in self.per_rate)

    @property
    def total(self) -> int:
        """With tax."""
        return self.subtotal + self.tax


def rate_on(rates: Iterable[TaxRate], category: str, day: date) -> Rate:
    """The rate of a category on a day. Raises `NotFound` where no row tells it."""
    holding = [
        row
        for row in rates
        if row.category == category and row.valid_from <= day and (row.valid_to is None or day <= row.valid_to)
    ]
    if not holding:
        raise NotFound(
            "no-tax-rate",
            "no tax rate of category {category} holds on {day}",
            category=category,
            day=day,
            field="tax_rates",
        )
    return max(holding, key=lambda row: row.valid_from).rate


def rank(rate: Rate) -> Decimal:
    """Rates by this in descending order: the highest first, exempt last."""
    return _EXEMPT_RANK if rate is None else rate


def total(rate: Rate, amount: int, price_type: PriceType, rounding: Rounding) -> RateTotal:
    """What an amount in a price type comes to."""
    if price_type is PriceType.NET:
        tax = rounded(amount * _share(rate, 100), rounding)
        return RateTotal(rate, amount, tax, amount + tax)
    tax = rounded(amount * _share(rate, 100 + Fraction(rate or 0)), rounding)
    return RateTotal(rate, amount - tax, tax, amount)


def rounded(tax: Fraction, rounding: Rounding) -> int:
    """Whole yen; the sign stays."""
    numerator, denominator = abs(tax).as_integer_ratio()
    match rounding:
        case Rounding.FLOOR:
            magnitude = numerator // denominator
        case Rounding.HALF_UP:
            magnitude = (2 * numerator + denominator) // (2 * denominator)
        case Rounding.CEIL:
            magnitude = -(-numerator // denominator)
    return -magnitude if tax < 0 else magnitude


def descending(totals: Iterable[RateTotal]) -> Sequence[RateTotal]:
    """In the order in which documents show them."""
    return sorted(totals, key=lambda each: rank(each.rate), reverse=True)


def _share(rate: Rate, of: int | Fraction) -> Fraction:
    return Fraction(0) if rate is None else Fraction(rate) / of

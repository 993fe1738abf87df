"""What a document comes to, worked out a second time in whole numbers only, beside the rules that bill.

Whoever verifies must not share the mistake of whoever computed: nothing of `discounts` and `tax` is used here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

Rate = Decimal | None
Amounts = Mapping[Rate, int]
"""Yen by rate, in the contract's price type; None is exempt."""


def per_rate(
    amounts: Amounts, discounts: Sequence[Mapping[str, Any]], *, price_type: str, rounding: str
) -> list[tuple[Rate, int, int]]:
    """Rate, net and tax of each rate that is not 0, the highest rate first and exempt last.

    `discounts` are as contracts keep them: `kind` and, as digits, `value`.
    """
    left = dict(amounts)
    for discount in discounts:
        taken = _taken({rate: amount for rate, amount in left.items() if amount > 0}, discount)
        left = {rate: amount - taken.get(rate, 0) for rate, amount in left.items()}
    return [(rate, *_taxed(rate, left[rate], price_type, rounding)) for rate in _ordered(left) if left[rate]]


def _taken(amounts: Amounts, discount: Mapping[str, Any]) -> dict[Rate, int]:
    numerator, denominator = Decimal(discount["value"]).as_integer_ratio()
    if discount["kind"] == "percent":
        return {rate: min(amount, amount * numerator // (100 * denominator)) for rate, amount in amounts.items()}
    whole = sum(amounts.values())
    off = min(whole, numerator // denominator)
    taken = {rate: off * amount // whole for rate, amount in amounts.items()}
    rest = off - sum(taken.values())
    by_remainder = sorted(_ordered(amounts), key=lambda rate: -(off * amounts[rate] % whole))
    return {rate: share + (rate in by_remainder[:rest]) for rate, share in taken.items()}


def _taxed(rate: Rate, amount: int, price_type: str, rounding: str) -> tuple[int, int]:
    if rate is None:
        return amount, 0
    numerator, denominator = rate.as_integer_ratio()
    base = 100 * denominator + (numerator if price_type == "gross" else 0)
    quotient, rest = divmod(abs(amount) * numerator, base)
    up = {"floor": False, "ceil": rest > 0, "half_up": 2 * rest >= base}[rounding]
    tax = (quotient + up) * (-1 if amount < 0 else 1)
    return (amount - tax if price_type == "gross" else amount), tax


def _ordered(rates: Amounts) -> list[Rate]:
    """The highest first, exempt last."""
    return sorted(rates, key=lambda rate: (rate is None, -(rate or 0)))

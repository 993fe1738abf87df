"""Discounts off the amounts of a document by rate, one after the other, in the contract's price type.

A percent is taken off each rate, floored to yen. An amount, floored to yen, is spread over the rates by what is left
of each, by largest remainders, of equal ones to the higher rate first. Neither takes more than is left: 120 percent
take all. A rate whose amount is not above 0, such as after a negative item, is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from batch_platform.staffing.contracts import Discount
from batch_platform.staffing.tax import Rate, rank


@dataclass(frozen=True)
class Reduction:
    """Yen that a discount takes off a rate, above 0."""

    discount: Discount
    rate: Rate
    amount: int


def reductions(amounts: Mapping[Rate, int], discounts: Iterable[Discount]) -> list[Reduction]:
    """What is taken off, by discount, then by rate from the highest on."""
    left = {rate: amount for rate, amount in amounts.items() if amount > 0}
    taken: list[Reduction] = []
    for discount in discounts:
        off = _percent(left, discount) if discount.kind == "percent" else spread(left, int(discount.value))
        left = {rate: amount - off[rate] for rate, amount in left.items()}
        taken += [Reduction(discount, rate, off[rate]) for rate in _ordered(off) if off[rate]]
    return taken


def spread(amounts: Mapping[Rate, int], reduction: int) -> dict[Rate, int]:
    """A reduction over amounts not below 0, by their size, by largest remainders; all of them where it is more."""
    whole = sum(amounts.values())
    reduction = min(reduction, whole)
    shares = {rate: divmod(reduction * amount, whole or 1) for rate, amount in amounts.items()}
    off = {rate: share for rate, (share, _) in shares.items()}
    by_remainder = sorted(shares, key=lambda rate: (shares[rate][1], rank(rate)), reverse=True)
    for rate in by_remainder[: reduction - sum(off.values())]:
        off[rate] += 1
    return off


def _percent(amounts: Mapping[Rate, int], discount: Discount) -> dict[Rate, int]:
    share = Fraction(discount.value) / 100
    return {rate: min(amount, int(amount * share)) for rate, amount in amounts.items()}


def _ordered(rates: Iterable[Rate]) -> list[Rate]:
    return sorted(rates, key=rank, reverse=True)

"""Credit notes (適格返還請求書): what is given back of an invoice, by rate, as figures below 0.

The whole is the mirror of the invoice's stored figures: nothing is rounded again. A part is rounded once per rate, by
the rounding that the invoice had; several parts of a rate count as one. No more of a rate is given back than the
invoice has, or has left after earlier credit notes, in the price type of the parts.

A return of less than 10,000 yen with tax needs no document (消費税法施行令 70 条の 9 第 3 項), but may have one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from batch_platform.core.failures import Conflict
from batch_platform.core.json_lines import Strict
from batch_platform.core.numbers import plain
from batch_platform.staffing.contracts import PriceType
from batch_platform.staffing.fields import Percent, Price
from batch_platform.staffing.tax import Document, Rate, RateTotal, Rounding, descending, total

ISSUE_REQUIRED_FROM: Final = 10_000
"""Yen with tax."""


class Part(Strict):
    """Yen to give back of a rate, above 0, in the price type of the contract."""

    rate: Percent | None
    amount: Annotated[Price, Field(gt=0)]


@dataclass(frozen=True)
class CreditNote(Document):
    """Yen below 0."""

    @property
    def issue_required(self) -> bool:
        """Whether the law asks for the document."""
        return -self.total >= ISSUE_REQUIRED_FROM


def of_whole(per_rate: Iterable[RateTotal]) -> CreditNote:
    """All of an invoice, by its figures, back."""
    return CreditNote(descending(RateTotal(each.rate, -each.net, -each.tax, -each.gross) for each in per_rate))


def of_parts(
    per_rate: Iterable[RateTotal], parts: Iterable[Part], price_type: PriceType, rounding: Rounding
) -> CreditNote:
    """Parts of what an invoice has by rate, or has left. Raises `Conflict` for more of a rate than that."""
    there = {each.rate: each.net if price_type is PriceType.NET else each.gross for each in per_rate}
    amounts: defaultdict[Rate, int] = defaultdict(int)
    for part in parts:
        amounts[part.rate] += part.amount
    for rate, amount in amounts.items():
        if amount > there.get(rate, 0):
            raise Conflict(
                "credit-beyond-invoice",
                "{amount} yen of rate {rate} are more than the invoice's {there}",
                amount=amount,
                rate="exempt" if rate is None else plain(rate),
                there=there.get(rate, 0),
                field="parts",
            )
    return CreditNote(descending(total(rate, -amount, price_type, rounding) for rate, amount in amounts.items()))


def left(per_rate: Iterable[RateTotal], credited: Iterable[RateTotal]) -> list[RateTotal]:
    """What an invoice has left by rate after the figures of its credit notes, which are below 0."""
    rest = {each.rate: each for each in per_rate}
    for each in credited:
        had = rest[each.rate]
        rest[each.rate] = RateTotal(each.rate, had.net + each.net, had.tax + each.tax, had.gross + each.gross)
    return list(rest.values())

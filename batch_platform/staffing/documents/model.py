"""What bills print: all values frozen, amounts in whole yen, dates those of Asia/Tokyo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from batch_platform.staffing.contracts import STANDARD, PriceType
from batch_platform.staffing.tax import Rate, RateTotal

DRAFT: Final = "DRAFT"
"""The number of a bill that has none yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """Who bills. The registration number is T and 13 digits; what is empty is left out."""

    name: str
    registration_number: str
    address: str = ""
    phone: str = ""
    email: str = ""
    bank_account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who is billed. Its email stands in the attached XML alone."""

    name: str
    address: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line in the bill's price type, for the days from `first` to `last`, both inclusive.

    `days` of `of_days` are None where nothing is prorated, quantity and price where a line only gives back.
    """

    name: str
    first: date
    last: date
    quantity: int | None = None
    unit_price: int | None = None
    days: int | None = None
    of_days: int | None = None
    amount: int
    rate: Rate
    category: str = STANDARD


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """What a discount takes off the lines of one rate, in the bill's price type; positive."""

    name: str
    rate: Rate
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The invoice that a credit note takes back, wholly or in part."""

    number: str
    issue_date: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """An invoice, or a credit note, whose amounts are negative and which names its `original`.

    `replaces` is the number of the void invoice that this one stands in for. Raises `ValueError` for one whose
    figures do not add up: nothing is printed that contradicts itself.
    """

    kind: Literal["invoice", "credit_note"]
    number: str
    issue_date: date
    due_date: date | None
    period_start: date
    period_end: date
    issuer: Issuer
    recipient: Recipient
    price_type: PriceType
    lines: tuple[Line, ...]
    discounts: tuple[Discount, ...] = ()
    per_rate: tuple[RateTotal, ...]
    subtotal: int
    tax: int
    total: int
    contract_id: str = ""
    payment_terms: str = ""
    remarks: str = ""
    replaces: str = ""
    original: Original | None = None

    def __post_init__(self) -> None:
        if (self.kind == "credit_note") != (self.original is not None):
            raise ValueError(f"{self.number}: a credit note names its original, and nothing else does")
        lines = _per_rate((line.rate, line.amount) for line in self.lines)
        lines.subtract(_per_rate((discount.rate, discount.amount) for discount in self.discounts))
        totals = {
            total.rate: total.gross if self.price_type is PriceType.GROSS else total.net for total in self.per_rate
        }
        if {rate: amount for rate, amount in lines.items() if amount} != {r: a for r, a in totals.items() if a}:
            raise ValueError(f"{self.number}: lines and discounts do not come to the totals per rate")
        sums = (sum(total.net for total in self.per_rate), sum(total.tax for total in self.per_rate))
        whole = all(total.net + total.tax == total.gross for total in self.per_rate)
        if not whole or sums != (self.subtotal, self.tax) or self.subtotal + self.tax != self.total:
            raise ValueError(f"{self.number}: the totals per rate do not come to the total")


def _per_rate(amounts: Iterable[tuple[Rate, int]]) -> Counter[Rate]:
    sums: Counter[Rate] = Counter()
    for rate, amount in amounts:
        sums[rate] += amount
    return sums


@dataclass(frozen=True, slots=True)
class Rendered:
    """A document's bytes; the same value renders to the same bytes everywhere. `xml` is what an attachment holds."""

    pdf: bytes
    sha256: str
    xml: bytes = b""

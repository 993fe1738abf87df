"""Contracts, what their plans cost, and the segments of a month in which one plan holds.

Days are days of Asia/Tokyo; a contract's start and end are inclusive. Terms hold from their day until the next ones
begin. Days before the first terms have no price: they are in no segment, and nothing is charged for them. A contract
that ends before it starts covers nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, field_validator

from batch_platform.core.json_lines import Day, Name, Strict
from batch_platform.core.messages import Message
from batch_platform.staffing.due_dates import DEFAULT, Payment
from batch_platform.staffing.fields import Amount, Count, Price, Yen
from batch_platform.staffing.months import last_day

STANDARD: Final = "standard"
"""The tax category of a plan that names none."""


class PriceType(StrEnum):
    """Whether prices hold the consumption tax (gross, 税込) or not (net, 税抜)."""

    NET = "net"
    GROSS = "gross"


class Proration(StrEnum):
    """Whether a part of a month costs its share of days, or as much as the whole."""

    DAILY = "daily"
    FULL = "full"


class Terms(Strict):
    """A plan from a day on; prices are yen a month. Of None as many as one likes are included."""

    begins: Day = Field(alias="from")
    base_price: Price
    max_users: Count | None
    max_engineers: Count | None
    price_per_user: Price
    price_per_engineer: Price
    category: Name = STANDARD


def _one_a_day(terms: Sequence[Terms]) -> Sequence[Terms]:
    begun = [each.begins for each in terms]
    twice = next((day for day in begun if begun.count(day) > 1), None)
    if twice is not None:
        raise ValueError(Message("terms-twice", "two terms begin on {day}", day=twice))
    return terms


AllTerms = Annotated[list[Terms], Field(min_length=1), AfterValidator(_one_a_day)]
"""The plans of a contract, in any order."""


class Contract(Strict):
    """What a company has agreed to."""

    start: Day
    end: Day | None = None
    terms: AllTerms
    payment: Payment = DEFAULT
    price_type: Annotated[PriceType, Field(strict=False)] = PriceType.NET
    proration: Annotated[Proration, Field(strict=False)] = Proration.DAILY

    @field_validator("payment", mode="before")
    @classmethod
    def _agreed(cls, payment: object) -> object:
        return DEFAULT if payment is None else payment


class Extra(Strict):
    """A one-off item of a day, yen for one. A negative one takes off (値引き)."""

    date: Day
    quantity: Yen
    unit_price: Yen
    category: Name = STANDARD


class Discount(Strict):
    """Percent of each rate's amount, or yen off all of them, in the contract's price type."""

    kind: Literal["percent", "amount"]
    value: Amount


@dataclass(frozen=True)
class Segment:
    """Days of a month, both inclusive, on which the same terms hold."""

    first: date
    last: date
    terms: Terms

    @property
    def days(self) -> list[date]:
        """Each of them."""
        return [self.first + timedelta(days=passed) for passed in range((self.last - self.first).days + 1)]


def covers(contract: Contract, month: date) -> bool:
    """Whether the contract overlaps the month."""
    first, last = _bounds(contract, month)
    return first <= last


def segments(contract: Contract, month: date) -> list[Segment]:
    """The days of a month that the contract covers, in order, cut where terms begin."""
    first, last = _bounds(contract, month)
    terms = sorted(contract.terms, key=lambda each: each.begins)
    ends = [following.begins - timedelta(days=1) for following in terms[1:]] + [last]
    cut = (Segment(max(first, each.begins), min(last, end), each) for each, end in zip(terms, ends, strict=True))
    return [segment for segment in cut if segment.first <= segment.last]


def _bounds(contract: Contract, month: date) -> tuple[date, date]:
    end = last_day(month)
    return max(contract.start, month), end if contract.end is None else min(contract.end, end)

"""What a contract is charged for a month, line by line, in its price type.

A line of a segment is floor(quantity · price · days / days of the month), or quantity · price for proration `full`,
then for each of several segments. Users and engineers beyond what is included are charged for the highest count of
the segment's days. One-off items are those dated in the month, also on days that the contract does not cover; they
are not prorated. Lines of 0 yen are dropped. The tax rate of a line is that of its last day: a rate that changes
within a segment does not cut it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from batch_platform.staffing.contracts import Contract, Extra, Proration, Segment, segments
from batch_platform.staffing.months import last_day, length
from batch_platform.staffing.tax import Rate, TaxRate, rate_on


class LineKind(StrEnum):
    """What a line charges for."""

    BASE = "base"
    EXTRA_USERS = "extra_users"
    EXTRA_ENGINEERS = "extra_engineers"
    ITEM = "item"


class DayUsage(NamedTuple):
    """How many users and engineers a company has as of the end of a day."""

    users: int
    engineers: int


@dataclass(frozen=True)
class Line:
    """Yen for the days from `first` to `last`, both inclusive; `days` of `of_days` are None for an item."""

    kind: LineKind
    first: date
    last: date
    quantity: int
    unit_price: int
    days: int | None
    of_days: int | None
    amount: int
    category: str
    rate: Rate


def missing_days(contract: Contract, month: date, usage: Mapping[date, DayUsage]) -> list[date]:
    """The covered days whose usage is not known: until it is, nothing is billed."""
    return [day for segment in segments(contract, month) for day in segment.days if day not in usage]


def lines(
    contract: Contract,
    month: date,
    usage: Mapping[date, DayUsage],
    *,
    extras: Iterable[Extra],
    rates: Sequence[TaxRate],
) -> list[Line]:
    """By segment, then the items as they were given. `usage` has every covered day.

    Raises `NotFound` for a line whose category has no tax rate on its last day.
    """
    charged = [line for segment in segments(contract, month) for line in _of_segment(contract, segment, usage, rates)]
    items = [_item(extra, rates) for extra in extras if month <= extra.date <= last_day(month) and _amount(extra)]
    return charged + items


def _of_segment(
    contract: Contract, segment: Segment, usage: Mapping[date, DayUsage], rates: Sequence[TaxRate]
) -> Iterable[Line]:
    terms, days, of_days = segment.terms, len(segment.days), length(segment.first)
    users = max(usage[day].users for day in segment.days)
    engineers = max(usage[day].engineers for day in segment.days)
    charges = (
        (LineKind.BASE, 1, terms.base_price),
        (LineKind.EXTRA_USERS, _beyond(users, terms.max_users), terms.price_per_user),
        (LineKind.EXTRA_ENGINEERS, _beyond(engineers, terms.max_engineers), terms.price_per_engineer),
    )
    for kind, quantity, price in charges:
        whole = quantity * price
        amount = whole if contract.proration is Proration.FULL else whole * days // of_days
        if amount:
            rate = rate_on(rates, terms.category, segment.last)
            yield Line(
                kind, segment.first, segment.last, quantity, price, days, of_days, amount, terms.category, rate
            )


def _item(extra: Extra, rates: Sequence[TaxRate]) -> Line:
    return Line(
        LineKind.ITEM,
        extra.date,
        extra.date,
        extra.quantity,
        extra.unit_price,
        None,
        None,
        _amount(extra),
        extra.category,
        rate_on(rates, extra.category, extra.date),
    )


def _amount(extra: Extra) -> int:
    return extra.quantity * extra.unit_price


def _beyond(count: int, included: int | None) -> int:
    return 0 if included is None else max(0, count - included)

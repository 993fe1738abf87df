"""The PnL series of a period: what a chart shows of a portfolio's snapshots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from batch_platform.trading.amounts import USD_DECIMALS, half_even

BUCKETS_SINCE: Final = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday; buckets of every length are counted from here."""


class Period(StrEnum):
    """How far back a series looks."""

    DAY = "1d"
    WEEK = "7d"
    MONTH = "30d"
    QUARTER = "90d"
    YEAR = "1y"

    @property
    def length(self) -> timedelta:
        """A year is 365 days."""
        return _LENGTHS[self][0]

    @property
    def bucket(self) -> timedelta:
        """Of whose rows the newest is shown."""
        return _LENGTHS[self][1]


_LENGTHS: Final = {
    Period.DAY: (timedelta(days=1), timedelta(hours=1)),
    Period.WEEK: (timedelta(days=7), timedelta(hours=4)),
    Period.MONTH: (timedelta(days=30), timedelta(hours=12)),
    Period.QUARTER: (timedelta(days=90), timedelta(days=2)),
    Period.YEAR: (timedelta(days=365), timedelta(days=7)),
}


@dataclass(frozen=True)
class Row:
    """A snapshot: its total value, and all flows since the baseline, in USD."""

    at: datetime
    value: Decimal
    net_flows: Decimal


@dataclass(frozen=True)
class Point:
    """A snapshot against the first one shown: USD and percent of that one's value, both with 8 decimals."""

    at: datetime
    value: Decimal
    pnl: Decimal
    percentage: Decimal


def shown(rows: Iterable[Row], period: Period, now: datetime) -> list[Row]:
    """Of the window [now − length, now] the first row and the newest of each bucket, by time."""
    since = now - period.length
    window = sorted((row for row in rows if since <= row.at <= now), key=lambda row: row.at)
    newest = {(row.at - BUCKETS_SINCE) // period.bucket: row for row in window}
    first = window[:1]
    return first + [row for row in newest.values() if row not in first]


def points(rows: Iterable[Row], period: Period, now: datetime) -> list[Point]:
    """pnl = V − V₀ − (flows − flows₀), percent = 100·pnl/V₀, 0 being the first row shown; nothing gains 0 percent."""
    chosen = shown(rows, period, now)
    return [_point(row, chosen[0]) for row in chosen]


def _point(row: Row, first: Row) -> Point:
    flows = Fraction(row.net_flows) - Fraction(first.net_flows)
    pnl = Fraction(row.value) - Fraction(first.value) - flows
    percentage = 100 * pnl / Fraction(first.value) if first.value else Fraction(0)
    return Point(row.at, row.value, half_even(pnl, USD_DECIMALS), half_even(percentage, USD_DECIMALS))

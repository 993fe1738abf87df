"""A random walk that can be asked at any second: the same seed and instant give the same price, in any order.

Brownian motion by midpoint displacement: the ends of a very long span are drawn, then the middle of ever smaller
halves, each draw being a hash of the seed and of where it stands. All in whole numbers and decimals.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from hashlib import blake2b
from typing import Final

BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Where every walk has its token's first price."""

_LEVELS: Final = 36  # 2^36 seconds are 2,000 years
_UNIT: Final = 10**12
_ROOT_OF_TWO: Final = 1_414_213_562_373
_EXACT: Final = Context(prec=40)
_KEPT: Final = Context(prec=12)


def price(seed: int, name: str, *, first: Decimal, volatility: Decimal, at: datetime) -> Decimal:
    """USD at an instant, 12 significant digits, from `first` at the beginning; `volatility` of a day's logarithm."""
    days = _EXACT.divide(Decimal(position(seed, name, at)), Decimal(_UNIT) * _EXACT.sqrt(Decimal(86_400)))
    return _KEPT.multiply(first, _EXACT.exp(_EXACT.multiply(volatility, days)))


def position(seed: int, name: str, at: datetime) -> int:
    """Where the walk stands, in 10^-12: 0 at the beginning, with a variance of 1 for each second since, or before."""
    seconds = (at - BEGINNING) // timedelta(seconds=1)
    side, second = ("+", seconds) if seconds >= 0 else ("-", -seconds)
    start, width = 0, 1 << _LEVELS
    low, high = 0, _scaled(_normal(seed, name, side, start, width), _LEVELS)
    for level in range(_LEVELS, 0, -1):
        if second == start:
            break
        width >>= 1
        # between two ends the middle is their mean, with a standard deviation of half the root of their distance
        middle = (low + high) // 2 + _scaled(_normal(seed, name, side, start + width, width), level) // 2
        if second >= start + width:
            start, low = start + width, middle
        else:
            high = middle
    return low


def share(seed: int, *where: str | int) -> Decimal:
    """A number from 0 up to, not including, 1, with six decimals."""
    return Decimal(int.from_bytes(_digest(seed, *where)[:8], "big") % 1_000_000).scaleb(-6)


def _normal(seed: int, *where: str | int) -> int:
    """About normal, in 2^-16: the sum of twelve even draws has a variance of 1."""
    digest = _digest(seed, *where)
    return sum(int.from_bytes(digest[i : i + 2], "big") for i in range(0, 24, 2)) - 6 * 65_535


def _scaled(normal: int, level: int) -> int:
    """Times the root of 2^level seconds."""
    root = (1 << level // 2) * (_ROOT_OF_TWO if level % 2 else _UNIT)
    return normal * root >> 16


def _digest(seed: int, *where: str | int) -> bytes:
    return blake2b("/".join(map(str, (seed, *where))).encode(), digest_size=24).digest()

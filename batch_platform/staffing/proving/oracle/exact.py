"""Whole yen and exact fractions: percents read, rounded, written."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Final

_PLAIN: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


def number(value: object) -> Fraction:
    """A decimal of plain digits, or a whole number, neither below 0. Raises ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not _PLAIN.fullmatch(str(value)):
        raise ValueError(f"{value!r} is no decimal in plain digits")
    return Fraction(str(value))


def half_up(value: Fraction) -> int:
    """For values not below 0."""
    return math.floor(value + Fraction(1, 2))


_ROUNDED: Final[Mapping[str, Callable[[Fraction], int]]] = {
    "floor": math.floor,
    "half_up": half_up,
    "ceil": math.ceil,
}


def rounded(value: Fraction, how: str) -> int:
    """`floor`, `half_up` or `ceil`, of the magnitude: a negative value is the mirror of a positive one."""
    size = _ROUNDED[how](abs(value))
    return -size if value < 0 else size


def plain(value: Fraction) -> str:
    """In as many digits as it takes and no more. Raises ValueError for what no decimal is equal to."""
    for places in range(20):
        if (value * 10**places).denominator == 1:
            return fixed(value, places)
    raise ValueError(f"{value} has no end as a decimal")


def fixed(value: Fraction, places: int) -> str:
    """Half-up, with this many decimals; for values not below 0."""
    digits = str(half_up(value * 10**places)).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits

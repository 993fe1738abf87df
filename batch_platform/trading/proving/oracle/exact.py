"""Decimals as fractions: read from text, rounded to places, written in plain digits."""

from __future__ import annotations

import math
import re
from fractions import Fraction

_PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def is_number(text: object) -> bool:
    """Whether it is text in plain digits."""
    return isinstance(text, str) and _PLAIN.fullmatch(text) is not None


def number(text: object) -> Fraction:
    """The value of a decimal in plain digits. Raises ValueError for anything else, a JSON number too."""
    if not is_number(text):
        raise ValueError(f"{text!r} is no decimal in plain digits")
    return Fraction(str(text))


def fits(value: Fraction, places: int) -> bool:
    """Whether it has no more than these decimal places."""
    return floor(value, places) == value


def floor(value: Fraction, places: int = 0) -> Fraction:
    return Fraction(math.floor(value * 10**places), 10**places)


def ceil(value: Fraction, places: int = 0) -> Fraction:
    return Fraction(math.ceil(value * 10**places), 10**places)


def half_even(value: Fraction, places: int) -> Fraction:
    return Fraction(round(value * 10**places), 10**places)


def plain(value: Fraction) -> str:
    """In as many digits as it takes and no more. Raises ValueError for what no decimal is equal to."""
    places, rest = 0, value.denominator
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest //= prime
            power += 1
        places = max(places, power)
    if rest != 1:
        raise ValueError(f"{value} has no end as a decimal")
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    whole, fraction = (digits[:-places], digits[-places:]) if places else (digits, "")
    return ("-" if value < 0 else "") + whole + ("." + fraction if fraction else "")

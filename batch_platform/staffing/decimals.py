"""Figures that are no money, rounded half up."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction


def half_up(value: Fraction, decimals: int) -> Decimal:
    """The nearest multiple of 10^-decimals, of two the one above. The value is not negative."""
    numerator, denominator = (value * 10**decimals).as_integer_ratio()
    return Decimal((2 * numerator + denominator) // (2 * denominator)).scaleb(-decimals)

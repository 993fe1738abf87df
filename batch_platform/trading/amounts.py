"""Numbers of trading: read from plain digits, rounded once at a scale, written in plain digits; exact at any size.

Formulas are computed with `Fraction`, which rounds nothing, and end in one of `floored`, `ceiled` and `half_even`.
Decimal's own operators round to 28 digits and are not used.
"""

from __future__ import annotations

import re
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from fractions import Fraction
from typing import Annotated, Final

from pydantic import BeforeValidator

from batch_platform.core.messages import Message
from batch_platform.core.numbers import plain as plain

Number = Decimal | Fraction | int

MAX_TOKEN_DECIMALS: Final = 18
PRICE_DECIMALS: Final = 18
INDEX_DECIMALS: Final = 18
"""Of funding, accrued interest, LST rates and liquidation prices."""
FUNDING_RATE_DECIMALS: Final = 12
YEARLY_RATE_DECIMALS: Final = 5
USD_DECIMALS: Final = 8
"""Of values, flows and PnL in USD, and of percentages."""

MAX_FUNDING_RATE: Final = Decimal("0.32")
"""Of 8 hours, either way."""
BPS: Final = 10_000
"""Basis points in a whole."""

_PLAIN: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_LONGEST: Final = 1_000
_EXACT: Final = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


def floored(value: Number, decimals: int) -> Decimal:
    """The next multiple of 10^-decimals below, or the value itself: money to a user."""
    numerator, denominator = value.as_integer_ratio()
    return _scaled(numerator * 10**decimals // denominator, decimals)


def ceiled(value: Number, decimals: int) -> Decimal:
    """The next multiple of 10^-decimals above, or the value itself: fees."""
    numerator, denominator = value.as_integer_ratio()
    return _scaled(-(-numerator * 10**decimals // denominator), decimals)


def half_even(value: Number, decimals: int) -> Decimal:
    """The nearest multiple of 10^-decimals, of two the even one: prices, USD values, percentages."""
    numerator, denominator = value.as_integer_ratio()
    whole, rest = divmod(numerator * 10**decimals, denominator)
    up = 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
    return _scaled(whole + up, decimals)


def exact(value: Number) -> Decimal:
    """All digits of a value that has finitely many. Raises `ValueError` for one such as 1/3."""
    _, denominator = value.as_integer_ratio()
    decimals = denominator.bit_length()  # 2^a x 5^b needs max(a, b) decimals at most
    if 10**decimals % denominator:
        raise ValueError(f"{value} has no last digit")
    return floored(value, decimals)


def is_multiple(value: Number, decimals: int) -> bool:
    """Whether a value has no digit beyond these decimals; trailing zeros are none."""
    numerator, denominator = value.as_integer_ratio()
    return bool(numerator * 10**decimals % denominator == 0)


def parse_number(value: object) -> Decimal:
    """A number written as text: digits, with a point between digits at most, with a minus at most.

    Raises `ValueError` for anything else, a JSON number too: it may have lost digits on its way.
    """
    if not isinstance(value, str):
        raise ValueError(Message("number-as-text", "must be a number written as text"))
    if len(value) > _LONGEST or not _PLAIN.fullmatch(value):
        raise ValueError(Message("plain-digits", "must be a number in plain digits"))
    return Decimal(value)


def parse_multiple(value: object, decimals: int) -> Decimal:
    """A number of so many decimals at most, never rounded. Raises `ValueError`."""
    number = parse_number(value)
    require_multiple(number, decimals)
    return number


def require_multiple(number: Decimal, decimals: int) -> None:
    """Raises `ValueError` for a number that is finer than so many decimals."""
    if not is_multiple(number, decimals):
        raise ValueError(Message("finer-than-scale", "must have at most {decimals} decimals", decimals=decimals))


def parse_amount(value: object, decimals: int) -> Decimal:
    """An amount of a token of so many decimals that somebody wants to move: above 0. Raises `ValueError`."""
    return _above_zero(parse_multiple(value, decimals))


def parse_price(value: object) -> Decimal:
    """USD for one token: above 0, with 18 decimals at most, a longer one rounded half-even. Raises `ValueError`."""
    price = parse_number(value)
    return _above_zero(price if is_multiple(price, PRICE_DECIMALS) else half_even(price, PRICE_DECIMALS))


def parse_funding_rate(value: object) -> Decimal:
    """A rate of 8 hours; positive: longs pay. Raises `ValueError`."""
    rate = parse_multiple(value, FUNDING_RATE_DECIMALS)
    if abs(rate) > MAX_FUNDING_RATE:
        raise ValueError(Message("funding-rate-beyond", "must not be beyond {limit} either way", limit="0.32"))
    return rate


def parse_yearly_rate(value: object) -> Decimal:
    """A rate of 365 days in percent, above -100. Raises `ValueError`."""
    rate = parse_multiple(value, YEARLY_RATE_DECIMALS)
    if rate <= -100:
        raise ValueError(Message("yearly-rate-too-low", "must be above -100 percent"))
    return rate


def parse_bps(value: object) -> Decimal:
    """A fee in basis points, fractions too, from nothing to the whole. Raises `ValueError`."""
    bps = parse_number(value)
    if not 0 <= bps <= BPS:
        raise ValueError(Message("bps-beyond", "must be from 0 to {limit} basis points", limit=BPS))
    return bps


def _above_zero(number: Decimal) -> Decimal:
    if number <= 0:
        raise ValueError(Message("not-above-zero", "must be above 0"))
    return number


def _scaled(units: int, decimals: int) -> Decimal:
    return _EXACT.scaleb(Decimal(units), -decimals)


AnyNumber = Annotated[Decimal, BeforeValidator(parse_number)]
"""Fields of a model that is read from JSON."""
Price = Annotated[Decimal, BeforeValidator(parse_price)]
FundingRate = Annotated[Decimal, BeforeValidator(parse_funding_rate)]
YearlyRate = Annotated[Decimal, BeforeValidator(parse_yearly_rate)]
Bps = Annotated[Decimal, BeforeValidator(parse_bps)]

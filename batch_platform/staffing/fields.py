"""Fields of what staffing reads as JSON: yen are whole; percents exact, as text or as a number in plain digits."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field

from batch_platform.core.messages import Message
from batch_platform.core.numbers import parse_decimal

_LARGEST: Final = 10**17
"""Beyond what is ever billed, and within what the database calls a bigint."""


def _number(value: object) -> Decimal:
    if isinstance(value, str):
        return parse_decimal(value)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value)
    raise ValueError(Message("whole-or-text", "must be a whole number, or a number written as text"))


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise ValueError(Message("number-negative", "must not be negative"))
    return value


Percent = Annotated[Decimal, BeforeValidator(_number), AfterValidator(_not_negative)]
"""Also of more than 100."""
Amount = Annotated[Decimal, BeforeValidator(_number), AfterValidator(_not_negative)]
"""Yen before they are rounded."""
Yen = Annotated[int, Field(ge=-_LARGEST, le=_LARGEST)]
Price = Annotated[int, Field(ge=0, le=_LARGEST)]
"""Yen for one."""
Count = Annotated[int, Field(ge=0, le=_LARGEST)]

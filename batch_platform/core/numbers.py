"""Numbers as people write them: ASCII digits, a sign, a point. Python's own readers also take 1_0, １０ and 1e2."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from batch_platform.core.messages import Message

_WHOLE: Final = re.compile(r"[+-]?[0-9]+")
_DECIMAL: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
_LONGEST: Final = 64


def parse_whole(text: str) -> int:
    """A whole number, blanks around it aside. Raises `ValueError` for what is written otherwise."""
    return int(_written(text, _WHOLE))


def parse_decimal(text: str) -> Decimal:
    """A number with or without a point, blanks around it aside. Raises `ValueError` for what is written otherwise."""
    return Decimal(_written(text, _DECIMAL))


def plain(value: Decimal) -> str:
    """Plain digits: trailing zeros cut, no exponent, no -0."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").removesuffix(".")
    return "0" if text == "-0" else text


def _written(text: str, pattern: re.Pattern[str]) -> str:
    bare = text.strip(" ")
    if len(bare) > _LONGEST or not pattern.fullmatch(bare):
        raise ValueError(Message("plain-digits", "must be a number in plain digits"))
    return bare


def _whole(value: Any) -> Any:
    return parse_whole(value) if isinstance(value, str) else value


def _decimal(value: Any) -> Any:
    return parse_decimal(value) if isinstance(value, str) else value


PlainInt = Annotated[int, BeforeValidator(_whole)]
"""A field of a model that is read from text, such as a setting."""
PlainDecimal = Annotated[Decimal, BeforeValidator(_decimal)]

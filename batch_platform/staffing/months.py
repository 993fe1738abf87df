"""Months of a calendar. A month is its first day, as partitions and columns have it; text is YYYY-MM."""

from __future__ import annotations

import calendar
import re
from datetime import date
from typing import Annotated, Final

from pydantic import BeforeValidator

from batch_platform.core.messages import Message

_MONTH: Final = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])")


def parse_month(text: object) -> date:
    """The month written YYYY-MM, of the years 1000 to 2999. Raises `ValueError`."""
    if not isinstance(text, str) or not _MONTH.fullmatch(text):
        raise ValueError(Message("month-format", "a month is written YYYY-MM"))
    return date.fromisoformat(f"{text}-01")


def shifted(month: date, months: int) -> date:
    """The month so many months later."""
    years, index = divmod(month.month - 1 + months, 12)
    return date(month.year + years, index + 1, 1)


def length(month: date) -> int:
    """How many days it has."""
    return calendar.monthrange(month.year, month.month)[1]


def last_day(month: date) -> date:
    """Its last day."""
    return month.replace(day=length(month))


def clipped(month: date, day: int) -> date:
    """The day of the month that has this number, its last where it has none: the 31st of February is the 28th."""
    return month.replace(day=min(day, length(month)))


Month = Annotated[date, BeforeValidator(parse_month)]
"""A field written YYYY-MM."""

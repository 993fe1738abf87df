"""Days on which Japanese banks transfer money: not Saturdays, Sundays, national holidays, and 12-31 to 01-03.

The Cabinet Office publishes the holidays of the next year each February; later ones follow the law as it is now.
"""

from __future__ import annotations

from datetime import date, timedelta
from enum import StrEnum
from typing import Final

import jpholiday

_NEW_YEAR: Final = {(12, 31), (1, 1), (1, 2), (1, 3)}
_SATURDAY: Final = 5


class Holiday(StrEnum):
    """Where a date goes that falls on no bank day."""

    NEXT = "next"
    PREVIOUS = "previous"
    NONE = "none"


def is_bank_day(day: date) -> bool:
    """Whether banks transfer on it."""
    closed = day.weekday() >= _SATURDAY or (day.month, day.day) in _NEW_YEAR or jpholiday.is_holiday(day)
    return not closed


def moved(day: date, holiday: Holiday) -> date:
    """The day itself if it is a bank day, else the next or previous one, also over the end of a month or year."""
    if holiday is Holiday.NONE:
        return day
    step = timedelta(days=1 if holiday is Holiday.NEXT else -1)
    while not is_bank_day(day):
        day += step
    return day

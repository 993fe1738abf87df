"""Weeks in Tokyo: maintenance is that of a Sunday, an analysed week begins on its Monday."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from batch_platform.core.failures import InvalidInput

WEEK: Final = timedelta(days=7)
_SUNDAY: Final = 6


def newest_sunday(day: date) -> date:
    """The day itself, or the Sunday before it."""
    return day - timedelta(days=(day.weekday() - _SUNDAY) % 7)


def newest_week(day: date) -> date:
    """The Monday that begins the last week which was over when this day began."""
    return day - timedelta(days=day.weekday()) - WEEK


def check_sunday(day: date, today: date) -> date:
    """Raises `InvalidInput` for another day of the week, naming the right one, and for one that lies ahead."""
    if day.weekday() != _SUNDAY:
        raise InvalidInput(
            "maintenance-not-on-sunday",
            "{date} is no Sunday: maintenance is that of a Sunday, such as {sunday}",
            date=day,
            sunday=newest_sunday(day),
            field="targetDate",
        )
    if day > today:
        raise InvalidInput("sunday-ahead", "{date} has not come yet", date=day, field="targetDate")
    return day


def check_week(day: date, today: date) -> date:
    """Raises `InvalidInput` for a day that is no Monday, naming the right one, and for a week that is not over."""
    if day.weekday():
        raise InvalidInput(
            "week-not-from-monday",
            "{date} is no Monday: a week is named by the Monday that begins it, here {monday}",
            date=day,
            monday=day - timedelta(days=day.weekday()),
            field="targetDate",
        )
    if day > newest_week(today):
        raise InvalidInput("week-not-over", "the week of {date} is not over yet", date=day, field="targetDate")
    return day

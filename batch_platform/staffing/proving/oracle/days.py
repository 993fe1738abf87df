"""Days and instants of Tokyo, months, and days on which banks work."""

from __future__ import annotations

import calendar
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final

TOKYO: Final = timezone(timedelta(hours=9))
"""Without summer time since 1952."""

ONE_DAY: Final = timedelta(days=1)


def day(text: str) -> date:
    return date.fromisoformat(text)


def day_or_none(text: str | None) -> date | None:
    return None if text is None else day(text)


def days(first: date, last: date) -> Iterator[date]:
    """Both included; none when the last is before the first."""
    for number in range((last - first).days + 1):
        yield first + number * ONE_DAY


def month(text: str) -> tuple[date, date]:
    """First and last day of `YYYY-MM`."""
    first = day(f"{text}-01")
    return first, in_month(first, "end")


def later(first: date, months: int) -> date:
    """The first day of the month this many later."""
    years, month_index = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(years, month_index + 1, 1)


def in_month(first: date, number: int | str) -> date:
    """The day with this number, or the month's last where it has none or `end` is asked for."""
    length = calendar.monthrange(first.year, first.month)[1]
    return first.replace(day=length if number == "end" else min(int(number), length))


def instant(text: str) -> datetime:
    """Raises ValueError for one without an offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return at.astimezone(UTC)


def instant_or_none(text: str | None) -> datetime | None:
    return None if text is None else instant(text)


def written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def tokyo(on: date, at: time = time()) -> datetime:
    """The instant at which clocks in Tokyo show this."""
    return datetime.combine(on, at, TOKYO).astimezone(UTC)


def bank_day(on: date, holiday: str, holidays: Collection[date]) -> date:
    """The day itself, or the `next` or `previous` on which banks work; `none` moves nothing."""
    step = {"next": ONE_DAY, "previous": -ONE_DAY, "none": timedelta()}[holiday]
    while step and _closed(on, holidays):
        on += step
    return on


def _closed(on: date, holidays: Collection[date]) -> bool:
    new_year = (on.month, on.day) in {(12, 31), (1, 1), (1, 2), (1, 3)}
    return on.weekday() >= 5 or new_year or on in holidays

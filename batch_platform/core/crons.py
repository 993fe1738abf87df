"""Cron expressions and intervals in words, Japanese or English: `毎日 23:00`, `every 10 minutes (16:00 to 20:59)`.

The libraries that do so speak no Japanese that one would write, and no cron of ours needs more than a few forms.
Both languages stand here together, with no catalog: the API and commands tell both. What has no form is None, and is
then shown as the cron expression that it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

LANGUAGES: Final = ("ja", "en")

_STEP: Final = re.compile(r"\*/([1-9][0-9]?)")
_RANGE: Final = re.compile(r"([0-9]{1,2})-([0-9]{1,2})")
_NUMBER: Final = re.compile(r"[0-9]{1,2}")
_UNITS: Final = (("day", "日", 86_400), ("hour", "時間", 3_600), ("minute", "分", 60), ("second", "秒", 1))
_WEEKDAYS: Final = {
    "ja": ("日曜", "月曜", "火曜", "水曜", "木曜", "金曜", "土曜"),
    "en": ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
}
_NAMES: Final = {name[:3].lower(): str(number) for number, name in enumerate(_WEEKDAYS["en"])}
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SHORT: Final = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0"} | {
    "@monthly": "0 0 1 * *"
}
_JAPAN: Final = "Asia/Tokyo"


@dataclass(frozen=True)
class _Words:
    """What one language says; `{time}` and the like are filled."""

    every: str
    each_hour: str
    hour_at: str
    daily: str
    weekly: str
    monthly: str
    yearly: str
    within: str
    last_day: str
    day: str
    and_: str


_WORDS: Final = {
    "ja": _Words(
        every="{length}ごと",
        each_hour="毎時 0 分",
        hour_at="毎時 {minutes}",
        daily="毎日 {times}",
        weekly="毎週{days} {times}",
        monthly="毎月 {days} {times}",
        yearly="毎年 {months} {days} {times}",
        within="{words}({hours})",
        last_day="末日",
        day="{day} 日",
        and_="、",
    ),
    "en": _Words(
        every="every {length}",
        each_hour="every hour on the hour",
        hour_at="every hour at {minutes}",
        daily="every day at {times}",
        weekly="every {days} at {times}",
        monthly="every month on {days} at {times}",
        yearly="every year in {months} on {days} at {times}",
        within="{words} ({hours})",
        last_day="the last day",
        day="day {day}",
        and_=", ",
    ),
}


def interval_in_words(length: timedelta, language: str) -> str:
    """`30 秒ごと`, `every 30 seconds`: exact to the second. Raises `ValueError` below one second."""
    return _WORDS[language].every.format(length=_length(int(length.total_seconds()), language))


def length_in_words(length: timedelta, language: str) -> str:
    """`30 秒`, `2 hours 30 minutes`: exact down to the second; nothing is `0 秒`."""
    seconds = int(length.total_seconds())
    if seconds == 0:
        return "0 秒" if language == "ja" else "0 seconds"
    return _parts(seconds, language)


def cron_in_words(cron: str, time_zone: str, language: str) -> str | None:
    """A cron expression of five fields; its time zone is said unless it is Japan's. None for a form of no words."""
    fields = _SHORT.get(cron.strip(), cron).split()
    if len(fields) != 5:
        return None
    words = _of_fields(fields, language)
    if words is None:
        return None
    return words if time_zone == _JAPAN else f"{words} {time_zone}"


def _of_fields(fields: Sequence[str], language: str) -> str | None:
    minute, hour, day, month, weekday = fields
    if (day, month, weekday) == ("*", "*", "*"):
        return _of_day(minute, hour, language)
    times, words = _times(minute, hour, language), _WORDS[language]
    if times is None:
        return None
    if (day, month) == ("*", "*"):
        weekdays = _weekdays(weekday, language)
        return None if weekdays is None else words.weekly.format(days=weekdays, times=times)
    days, months = _days(day, language), _months(month, language)
    if weekday != "*" or days is None or months is None:
        return None
    if month == "*":
        return words.monthly.format(days=days, times=times)
    return words.yearly.format(months=months, days=days, times=times)


def _of_day(minute: str, hour: str, language: str) -> str | None:
    """Every few minutes or hours, each hour, or at times of each day."""
    words = _WORDS[language]
    step = 1 if minute == "*" else _step(minute, 60)
    if step is not None:
        every = words.every.format(length=_length(step * 60, language))
        if hour == "*":
            return every
        hours = _hours(hour, language)
        return None if hours is None else words.within.format(words=every, hours=hours)
    minutes = _numbers(minute, 59)
    if minutes is None:
        return None
    if hour == "*":
        if minutes == [0]:
            return words.each_hour
        shown = [f"{each} 分" if language == "ja" else f":{each:02}" for each in minutes]
        return words.hour_at.format(minutes=words.and_.join(shown))
    if (step := _step(hour, 24)) is not None and len(minutes) == 1:
        every = words.every.format(length=_length(step * 3_600, language))
        start = f"0:{minutes[0]:02}"
        return words.within.format(words=every, hours=f"{start} から" if language == "ja" else f"from {start}")
    times = _times(minute, hour, language)
    return None if times is None else words.daily.format(times=times)


def _times(minute: str, hour: str, language: str) -> str | None:
    minutes, hours = _numbers(minute, 59), _numbers(hour, 23)
    if minutes is None or hours is None:
        return None
    return _WORDS[language].and_.join(f"{at}:{past:02}" for at in hours for past in minutes)


def _hours(field: str, language: str) -> str | None:
    """Hours as spans of the clock, to the last minute of each."""
    spans = []
    for part in field.split(","):
        span = _RANGE.fullmatch(part)
        first, last = (span[1], span[2]) if span else (part, part)
        if not _NUMBER.fullmatch(first) or int(first) > int(last) or int(last) > 23:
            return None
        spans.append(f"{int(first)}:00{'〜' if language == 'ja' else ' to '}{int(last)}:59")
    return _WORDS[language].and_.join(spans)


def _weekdays(field: str, language: str) -> str | None:
    numbers = _numbers(re.sub(r"[a-z]{3}", lambda name: _NAMES.get(name[0], "?"), field.lower()), 7)
    if numbers is None:
        return None
    names = [_WEEKDAYS[language][number % 7] for number in numbers]
    separator = "・" if language == "ja" else ", "
    return separator.join(dict.fromkeys(names)) + ("日" if language == "ja" and len(names) == 1 else "")


def _days(field: str, language: str) -> str | None:
    words = _WORDS[language]
    if field.upper() == "L":
        return words.last_day
    numbers = _numbers(field, 31)
    if numbers is None or 0 in numbers:
        return None
    return words.and_.join(words.day.format(day=number) for number in numbers)


def _months(field: str, language: str) -> str | None:
    if field == "*":
        return ""
    numbers = _numbers(field, 12)
    if numbers is None or 0 in numbers:
        return None
    return _WORDS[language].and_.join(
        f"{number} 月" if language == "ja" else _MONTHS[number - 1] for number in numbers
    )


def _numbers(field: str, largest: int) -> list[int] | None:
    """Numbers and ranges separated by commas; None for anything else."""
    numbers: list[int] = []
    for part in field.split(","):
        span = _RANGE.fullmatch(part)
        if span is None and not _NUMBER.fullmatch(part):
            return None
        first, last = (int(span[1]), int(span[2])) if span else (int(part), int(part))
        if first > last or last > largest:
            return None
        numbers += range(first, last + 1)
    return numbers


def _step(field: str, whole: int) -> int | None:
    """Of `*/n`, where it goes on evenly from one hour or day to the next."""
    step = _STEP.fullmatch(field)
    return int(step[1]) if step and whole % int(step[1]) == 0 else None


def _length(seconds: int, language: str) -> str:
    """As an interval has it: `every hour`, not `every 1 hour`."""
    if seconds < 1:
        raise ValueError(f"{seconds} s is no interval")
    parts = _parts(seconds, language)
    return parts.removeprefix("1 ") if language == "en" and parts.count(" ") == 1 else parts


def _parts(seconds: int, language: str) -> str:
    parts = []
    for english, japanese, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {japanese}" if language == "ja" else _counted(count, english))
    return " ".join(parts)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"

"""Moments and business days of staffing: aware, written as RFC 3339 with Z or an offset; days are those of Tokyo."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.messages import Message

# the years of `parse_day`: a year more or less stays within what a calendar holds
_INSTANT: Final = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)


def parse_instant(value: object) -> datetime:
    """Aware, in UTC. Raises `ValueError` for what is written otherwise, or is in no calendar."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except ValueError:
            pass
    raise ValueError(Message("instant-with-offset", "must be a moment written YYYY-MM-DDTHH:MM:SS with Z or ±HH:MM"))


def instant_text(at: datetime) -> str:
    """An aware moment in UTC as it is written, with a fraction only where there is one."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def business_day(at: datetime) -> date:
    """The day in Tokyo that a moment belongs to, [00:00, 24:00)."""
    return at.astimezone(BUSINESS_ZONE).date()


def at_time(day: date, clock_time: time = time()) -> datetime:
    """A time of a day in Tokyo, by default its begin, in UTC."""
    return datetime.combine(day, clock_time, BUSINESS_ZONE).astimezone(UTC)


def day_end(day: date) -> datetime:
    """The moment at which a day in Tokyo is over, in UTC."""
    return at_time(day + timedelta(days=1))


Instant = Annotated[datetime, BeforeValidator(parse_instant)]
"""A field of a model that is read from JSON."""

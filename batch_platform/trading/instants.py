"""Instants of trading: whole seconds in UTC, written `YYYY-MM-DDTHH:MM:SSZ`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Final

from pydantic import BeforeValidator

from batch_platform.core.messages import Message

# the years of `parse_day`: a year more or less stays within what a calendar holds
_INSTANT: Final = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def parse_instant(value: object) -> datetime:
    """Aware, in UTC. Raises `ValueError` for what is written otherwise, or is in no calendar."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(Message("instant-format", "must be a moment written YYYY-MM-DDTHH:MM:SSZ"))


def instant_text(at: datetime) -> str:
    """An aware moment as it is written; what is below its second is cut."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_start(day: date) -> datetime:
    """The first second of a day."""
    return datetime.combine(day, time(), UTC)


Instant = Annotated[datetime, BeforeValidator(parse_instant)]
"""A field of a model that is read from JSON."""

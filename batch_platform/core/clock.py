"""The clock is passed in, so that every state that depends on time can be tested and replayed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]

BUSINESS_ZONE = ZoneInfo("Asia/Tokyo")

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


def parse_day(text: str) -> date:
    """A day written YYYY-MM-DD. Raises `ValueError` for any other writing: `fromisoformat` alone takes 20261120 and
    2026-W48-1 too."""
    if not _DAY.fullmatch(text):
        raise ValueError("a day is written YYYY-MM-DD")
    return date.fromisoformat(text)

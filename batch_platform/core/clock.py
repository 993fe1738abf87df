"""The clock is passed in, so that every state that depends on time can be tested and replayed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from batch_platform.core.messages import Message

Clock = Callable[[], datetime]

BUSINESS_ZONE = ZoneInfo("Asia/Tokyo")

# Years that calendars of a business hold: the month after 9999-12 overflows.
_DAY: Final = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}")
_MOMENT: Final = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_MOMENT_FORMAT: Final = Message(
    "moment-format", "a moment is written YYYY-MM-DDTHH:MM, in Japan Standard Time unless it names an offset"
)


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)


def parse_moment(text: str) -> datetime:
    """A moment written YYYY-MM-DDTHH:MM, with seconds or an offset where it has them; without one it is Japan's.

    Raises `ValueError` for any other.
    """
    if not _MOMENT.fullmatch(text):
        raise ValueError(_MOMENT_FORMAT)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(_MOMENT_FORMAT) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=BUSINESS_ZONE)


def parse_day(text: str) -> date:
    """A day written YYYY-MM-DD, of the years 1000 to 2999. Raises `ValueError` for any other: `fromisoformat` alone
    takes 20261120 and 2026-W48-1 too."""
    if not _DAY.fullmatch(text):
        raise ValueError(Message("day-format", "a day is written YYYY-MM-DD"))
    return date.fromisoformat(text)

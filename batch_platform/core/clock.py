"""The clock is passed in, so that every state that depends on time can be tested and replayed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]

BUSINESS_ZONE = ZoneInfo("Asia/Tokyo")


def utc_now() -> datetime:
    """The present, aware, in UTC."""
    return datetime.now(UTC)

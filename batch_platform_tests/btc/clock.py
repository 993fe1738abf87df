"""A clock for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


class SteppingClock:
    """A clock that moves by a millisecond a look, so that no two events tie."""

    def __init__(self, start: datetime = NOW) -> None:
        self.now = start

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

"""The clock of the tests and of the processes they start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class SteppingClock:
    """A clock that stands in November 2026 and moves by a millisecond a look, so that no two events tie."""

    def __init__(self, start: datetime = datetime(2026, 11, 10, tzinfo=UTC)) -> None:
        self.now = start

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time

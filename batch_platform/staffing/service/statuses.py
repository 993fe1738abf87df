"""The status of engineers by day: as it was known at 02:00 of the day, and as newest facts have it.

What is written of a day as known stays. The same day again adds corrections, where what was recorded later makes
another status of it. Only the newest day sets the status of engineers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from batch_platform.core.failures import InvalidInput
from batch_platform.staffing import ids
from batch_platform.staffing.ids import Id
from batch_platform.staffing.instants import at_time
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

KNOWN_AT: Final = time(2)
"""What is recorded up to this time of a day, in Tokyo, counts for the day's status as known."""

EVER: Final = "infinity"
"""Recorded up to this moment is everything."""


@dataclass(frozen=True)
class Status:
    """Of an engineer on a day. `reason`: hold, none, soon or working; `until`: last day of the hold or the chain."""

    engineer_id: Id
    status: str
    reason: str
    until: date | None


@dataclass(frozen=True)
class Change:
    """What stands of an engineer, and what a run makes of it; None: nobody of that id is there."""

    engineer_id: Id
    previous: str | None
    status: str | None
    reason: str | None
    until: date | None


@dataclass(frozen=True)
class Transition:
    """How many engineers went from one status to another, or stayed."""

    previous: str | None
    status: str | None
    engineers: int


@dataclass(frozen=True)
class Written:
    """What a run did, or would do, of a day: `corrected` where the day had been written before."""

    day: date
    corrected: bool
    transitions: Sequence[Transition]

    @property
    def engineers(self) -> int:
        """All who have a status."""
        return sum(each.engineers for each in self.transitions if each.status is not None)

    @property
    def changed(self) -> int:
        """Those whose status is another than what stood."""
        return sum(each.engineers for each in self.transitions if each.status != each.previous)

    @property
    def counts(self) -> dict[str, int]:
        """Engineers by status."""
        found: dict[str, int] = {}
        for each in self.transitions:
            if each.status is not None:
                found[each.status] = found.get(each.status, 0) + each.engineers
        return dict(sorted(found.items()))


def statuses(context: StaffingContext, day: date, *, known_at: datetime | None = None) -> list[Status]:
    """Of every engineer by the facts, numbers before texts; by all of them, or what was recorded up to a moment."""
    with context.store.snapshot() as session:
        rows = session.statuses(day, known_at or EVER)
    return [Status(ids.decode(row["engineer_id"]), row["status"], row["reason"], row["until"]) for row in rows]


def write_day(context: StaffingContext, day: date) -> Written:
    """Write a day as known, or add its corrections. Raises `InvalidInput` before 02:00 of the day."""
    now = _due(context, day)
    with context.store.transaction() as session:
        session.lock_statuses()
        written = _stage(session, day)
        if written.corrected:
            session.write_corrections(day, now)
        else:
            session.write_as_known(day, at_time(day, KNOWN_AT), now)
        if session.next_status_day(day) is None:
            session.set_engineers_status(day)
    return written


def rehearse_day(context: StaffingContext, day: date, *, limit: int) -> tuple[Written, list[Change]]:
    """What `write_day` would do, with the first changes. Raises `InvalidInput` before 02:00 of the day."""
    _due(context, day)
    with context.store.rehearsal() as session:
        written = _stage(session, day)
        rows = session.staged_changes(limit)
    return written, [_change(row) for row in rows]


def missing_days(context: StaffingContext, today: date) -> list[date]:
    """Days that were missed up to today, in order; before anything is written today alone."""
    with context.store.snapshot() as session:
        return session.missing_status_days(today)


def counts_by_day(context: StaffingContext, after: date, until: date) -> list[Row]:
    """`day`, `engineers` and `counts` by status of written days in (after, until], in order."""
    with context.store.snapshot() as session:
        return session.status_counts(after, until)


def _stage(session: Session, day: date) -> Written:
    is_written = session.status_day(day) is not None
    session.stage_statuses(day, EVER if is_written else at_time(day, KNOWN_AT))
    found = [Transition(row["previous"], row["status"], row["engineers"]) for row in session.transitions()]
    return Written(day, is_written, found)


def _due(context: StaffingContext, day: date) -> datetime:
    now = context.clock()
    if at_time(day, KNOWN_AT) > now:
        raise InvalidInput(
            "status-not-due", "the status of {day} is set from 02:00 of that day on", day=day, field="date"
        )
    return now


def _change(row: Row) -> Change:
    return Change(ids.decode(row["engineer_id"]), row["previous"], row["status"], row["reason"], row["until"])

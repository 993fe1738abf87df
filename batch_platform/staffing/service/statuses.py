"""The status of engineers by day: as it was known at 02:00 of the day, and as newest facts have it.

What is written of a day as known stays; corrections stand beside it, where what was recorded later makes another
status of it. The same day again adds what is to be corrected since. Only the newest day sets the status of engineers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Final

from batch_platform.core import cursors
from batch_platform.core.failures import InvalidInput
from batch_platform.staffing import ids
from batch_platform.staffing.instants import at_time
from batch_platform.staffing.model import Change, Status, Transition, Written
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

KNOWN_AT: Final = time(2)
"""What is recorded up to this time of a day, in Tokyo, counts for the day's status as known."""

EVER: Final = "infinity"
"""Recorded up to this moment is everything."""


def statuses(context: StaffingContext, day: date, *, known_at: datetime | None = None) -> list[Status]:
    """Of every engineer by the facts, numbers before texts; by all of them, or what was recorded up to a moment."""
    with context.store.snapshot() as session:
        rows = session.statuses(day, known_at or EVER)
    return [Status(ids.decode(row["engineer_id"]), row["status"], row["reason"], row["until"]) for row in rows]


@dataclass(frozen=True)
class StatusSearch:
    """Which engineers of a day are looked for; by what was recorded up to `known_at`, or by everything.

    `company` is an id as people read it, `search` a part of a name or an id.
    """

    day: date
    known_at: datetime | None = None
    status: str | None = None
    company: str | None = None
    search: str | None = None


def page(
    context: StaffingContext, search: StatusSearch, *, limit: int, cursor: str | None = None
) -> tuple[list[Row], str | None]:
    """A page of `statuses` with names, ids as tables hold them, and the cursor of the next one."""
    with context.store.snapshot() as session:
        rows = session.statuses_page(
            search.day,
            search.known_at or EVER,
            status=search.status,
            company_ids=None if search.company is None else (search.company, ids.encode(search.company)),
            search=search.search,
            after=cursors.decode(cursor, after=str).get("after"),
            limit=limit + 1,
        )
    return cursors.cut(rows, limit, lambda row: {"after": row["engineer_id"]})


def counts(context: StaffingContext, day: date, *, known_at: datetime | None = None) -> dict[str, int]:
    """Engineers by status on a day by the facts."""
    with context.store.snapshot() as session:
        return session.counts_on(day, known_at or EVER)


def write_day(context: StaffingContext, day: date) -> Written:
    """Write a day as known where it is not, and its corrections. Raises `InvalidInput` before 02:00 of the day."""
    now = _due(context, day)
    with context.store.transaction() as session:
        return _write(session, day, now)


def dry_run_day(context: StaffingContext, day: date, *, limit: int) -> tuple[Written, list[Change]]:
    """What `write_day` would do, with the first rows. Raises `InvalidInput` before 02:00 of the day."""
    now = _due(context, day)
    with context.store.rolled_back() as session:
        written = _write(session, day, now)
        rows = session.changes_of(day, now, limit=limit)
    return written, [Change(**{**row, "engineer_id": ids.decode(row["engineer_id"])}) for row in rows]


def missing_days(context: StaffingContext, today: date) -> list[date]:
    """Days that were missed up to today, in order; before anything is written today alone."""
    with context.store.snapshot() as session:
        return session.missing_status_days(today)


def counts_by_day(context: StaffingContext, after: date, until: date) -> list[Row]:
    """`day`, `engineers` and `counts` by status of written days in (after, until], in order."""
    with context.store.snapshot() as session:
        return session.status_counts(after, until)


def _write(session: Session, day: date, now: datetime) -> Written:
    session.lock_statuses()
    known_at, is_new = at_time(day, KNOWN_AT), session.status_day(day) is None
    session.stage_statuses(day, known_at if is_new else EVER)
    transitions = [Transition(**row) for row in session.transitions()]
    corrections = 0
    if is_new:
        session.write_as_known(day, known_at, now)
        if session.is_recorded_after(known_at):
            session.stage_statuses(day, EVER)
            corrections = session.write_corrections(day, now)
    else:
        corrections = session.write_corrections(day, now)
    if session.next_status_day(day) is None:
        session.set_engineers_status(day)
    return Written(day, is_new, transitions, corrections)


def _due(context: StaffingContext, day: date) -> datetime:
    now = context.clock()
    if at_time(day, KNOWN_AT) > now:
        raise InvalidInput(
            "status-not-due", "the status of {day} is set from 02:00 of that day on", day=day, field="date"
        )
    return now

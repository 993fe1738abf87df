"""What should have run and did not: the registry's calendar against what Dagster's tick storage shows.

It asks nothing of the scheduler, the queue or the code server, so that their silence is noticed too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from batch_platform.core.logs import in_one_line
from batch_platform.resources.cron import due_after

if TYPE_CHECKING:
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.model import Calendar

HORIZON: Final = timedelta(days=35)
"""How far back a calendar is written when no monitor ran for long; older moments are nobody's concern any more."""

_TICKS_OF: Final = timedelta(days=7)
"""How old a moment may be for its tick still to be looked for: the scheduler catches up after it was down."""


def judge(ctx: OperationsContext) -> None:
    """Write down the due moments up to now, and which of them were met. Doing it twice changes nothing.

    A calendar that cannot be read is noted on its schedule, for the rule `bad-calendar`; the others are judged.
    """
    now = ctx.clock()
    with ctx.store.transaction() as session:
        moments: list[tuple[Calendar, datetime]] = []
        read: list[tuple[Calendar, datetime | None, str | None]] = []
        for calendar in session.calendars(horizon=now - HORIZON):
            try:
                past, following = _due(calendar, now)
            except Exception as error:  # noqa: BLE001 (whatever is wrong with one calendar, the others are judged)
                read.append((calendar, None, in_one_line(error)))
                continue
            moments += [(calendar, due) for due in past]
            read.append((calendar, following, None))
        session.save_due_moments(moments)
        session.save_calendars(read)
        expected = session.triggers(now=now, horizon=now - _TICKS_OF)
    since = {name: min(at for _, other, at in expected if other == name) for _, name, _ in expected}
    seen = ctx.dagster.triggers(since)
    states = {(job, name): seen[name] for job, name, _ in expected if name in seen}
    with ctx.store.transaction() as session:
        session.save_triggers(states, now=now, horizon=now - HORIZON)


def _due(calendar: Calendar, now: datetime) -> tuple[list[datetime], datetime]:
    """The due moments that are not written down up to `now`, and the next one."""
    zone = ZoneInfo(calendar.time_zone)
    past = list(takewhile(lambda due: due <= now, due_after(calendar.cron, calendar.written_to, zone)))
    return past, next(due_after(calendar.cron, now, zone))

"""What should have run and did not: the registry's calendar against what Dagster's tick storage shows.

It asks nothing of the scheduler, the queue or the code server, so that their silence is noticed too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.logs import in_one_line
from batch_platform.resources.cron import due_after

if TYPE_CHECKING:
    from batch_platform.operations.context import OperationsContext

HORIZON: Final = timedelta(days=35)
"""How far back a calendar is written when no monitor ran for long; older moments are nobody's concern any more."""

_TICKS_OF: Final = timedelta(days=7)
"""How old a moment may be for its tick still to be looked for: the scheduler catches up after it was down."""


def judge(ctx: OperationsContext) -> None:
    """Write down the due moments up to now, and which of them were met. Doing it twice changes nothing.

    A calendar that cannot be read is noted on its job, for the rule `bad-calendar`; the others are judged.
    """
    now = ctx.clock()
    with ctx.store.transaction() as session:
        moments, nexts, faults = [], {}, {}
        for job, cron, grace, written_to in session.calendars(horizon=now - HORIZON):
            try:
                past, following = _calendar(cron, written_to, now)
            except Exception as error:  # noqa: BLE001 (whatever is wrong with one calendar, the others are judged)
                faults[job] = in_one_line(error)
                continue
            moments += [(job, due, due + grace) for due in past]
            nexts[job] = following
        session.save_due_moments(moments)
        session.save_calendars(nexts, faults)
        wanted = session.triggers(now=now, horizon=now - _TICKS_OF)
    seen = ctx.dagster.triggers({trigger: since for _, trigger, since in wanted})
    states = {job: seen[trigger] for job, trigger, _ in wanted if trigger in seen}
    with ctx.store.transaction() as session:
        session.save_triggers(states, now=now, horizon=now - HORIZON)


def _calendar(cron: str, written_to: datetime, now: datetime) -> tuple[list[datetime], datetime]:
    """The due moments after `written_to` up to `now`, and the next one."""
    past = list(takewhile(lambda due: due <= now, due_after(cron, written_to, BUSINESS_ZONE)))
    return past, next(due_after(cron, now, BUSINESS_ZONE))

"""What should have run and did not: the registry's calendar against what Dagster's tick storage shows.

It asks nothing of the scheduler, the queue or the code server, so that their silence is noticed too.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from cronsim import CronSim, CronSimError

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from batch_platform.operations.context import OperationsContext

HORIZON: Final = timedelta(days=35)
"""How far back a calendar is written when no monitor ran for long; older moments are nobody's concern any more."""

_TICKS_OF: Final = timedelta(days=7)
"""How old a moment may be for its tick still to be looked for: the scheduler catches up after it was down."""


def due_after(cron: str, moment: datetime) -> Iterator[datetime]:
    """The due moments after `moment`, in UTC; `cron` is read in Asia/Tokyo. Raises `InvalidInput` for a bad one."""
    try:
        calendar = CronSim(cron, moment.astimezone(BUSINESS_ZONE))
    except CronSimError as error:
        raise InvalidInput(f"{cron} is not a cron expression: {error}", field="cron") from None
    return (due.astimezone(UTC) for due in calendar)


def judge(ctx: OperationsContext) -> None:
    """Write down the due moments up to now, and which of them were met. Doing it twice changes nothing."""
    now = ctx.clock()
    with ctx.store.transaction() as session:
        calendars = session.calendars(horizon=now - HORIZON)
        moments, nexts = [], {}
        for job, cron, grace, written_to in calendars:
            past = takewhile(lambda due: due <= now, due_after(cron, written_to))
            moments += [(job, due, due + grace) for due in past]
            nexts[job] = next(due_after(cron, now))
        session.save_due_moments(moments)
        session.save_next_due(nexts)
        wanted = session.triggers(now=now, horizon=now - _TICKS_OF)
    seen = ctx.dagster.triggers({trigger: since for _, trigger, since in wanted})
    states = {job: seen[trigger] for job, trigger, _ in wanted if trigger in seen}
    with ctx.store.transaction() as session:
        session.save_triggers(states, now=now, horizon=now - HORIZON)

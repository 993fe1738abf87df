"""Maintenance windows: for their time schedules and sensors launch nothing, and afterwards it is caught up.

A schedule whose moment falls into a pause notes it and asks for nothing. Once the pause is over the monitor asks each
such schedule again, for its newest moment, and launches what it says; older moments are told, not run one by one: a
schedule's newest run does what they left. A sensor only waits: it looks again and finds what there is to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid5

import structlog

from batch_platform.core import cursors
from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PlatformError
from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore

if TYPE_CHECKING:
    from batch_platform.core.postgres import Connection, Pool
    from batch_platform.operations.context import OperationsContext
    from batch_platform.operations.runner import Runner, Triggers

LONGEST: Final = timedelta(days=7)

_IDS: Final = UUID("0d2f5f5e-54c5-5a0e-8d6c-9a7d3f1f2c77")
_log = structlog.get_logger(__name__)

Trail = Callable[["Connection", "Pause | None", "Pause"], None]
"""Who is told of a change in its own transaction: of a pause before and after."""


@dataclass(frozen=True)
class Pause:
    """Everything that starts by itself rests from `begins_at` until `ends_at`, or until somebody ends it before."""

    id: int
    reason: str
    declared_by: str
    begins_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    end_reason: str | None

    def active(self, now: datetime) -> bool:
        return self.begins_at <= now < (self.ended_at or self.ends_at)

    @property
    def sentence(self) -> str:
        """For Dagster's own pages: why a tick launched nothing."""
        until = f"{self.ends_at.astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M} JST"
        return f"paused until {until} by {self.declared_by}: {self.reason}"


@dataclass(frozen=True)
class Moment:
    """A moment of a schedule that fell into a pause; `run_ids` were launched for it afterwards, None before that."""

    pause_id: int
    job: str
    trigger: str
    due_at: datetime
    settled_at: datetime | None
    run_ids: list[str] | None


class Session(BaseSession):
    """The statements of one transaction."""

    _sql = load("batch_platform.operations.sql")

    def begin(self, *, until: datetime, reason: str, by: str, now: datetime) -> int | None:
        """The id of the new pause; None while there is one."""
        self._run("one_pause_at_a_time")
        rows = self._rows("begin_pause", until=until, reason=reason, by=by, now=now)
        return int(rows[0]["id"]) if rows else None

    def end(self, pause_id: int, *, reason: str, by: str, now: datetime) -> bool:
        return self._run("end_pause", id=pause_id, reason=reason, by=by, now=now) == 1

    def active(self, *, now: datetime) -> Pause | None:
        rows = self._rows("active_pause", now=now)
        return Pause(**rows[0]) if rows else None

    def pause(self, pause_id: int) -> Pause:
        """Raises `NotFound`."""
        rows = self._rows("pause", id=pause_id)
        if not rows:
            raise NotFound("unknown-pause", "no pause {pause}", pause=pause_id, field="pause_id")
        return Pause(**rows[0])

    def pauses(self, *, after: Mapping[str, Any], limit: int, offset: int) -> list[Pause]:
        """Newest first."""
        return [Pause(**row) for row in self._rows("pauses", id=after.get("id"), limit=limit, offset=offset)]

    def hold(self, pause: Pause, *, job: str, trigger: str, due_at: datetime) -> None:
        self._run("hold_moment", pause=pause.id, job=job, trigger=trigger, due_at=due_at)

    def moments(self, pauses: list[int]) -> list[Moment]:
        """Oldest first."""
        return [Moment(**row) for row in self._rows("paused_moments", pauses=pauses)]

    def to_catch_up(self, *, now: datetime) -> list[Moment]:
        """The newest unsettled moment of each schedule whose pause is over."""
        return [Moment(**row) for row in self._rows("moments_to_catch_up", now=now)]

    def settle(self, moment: Moment, run_ids: list[str], *, now: datetime) -> None:
        self._run("settle_moments", trigger=moment.trigger, due_at=moment.due_at, run_ids=run_ids, now=now)


class PauseStore(BaseStore[Session]):
    """Opens transactions on the pauses."""

    _session = Session


def begin(pool: Pool, *, until: datetime, reason: str, by: str, now: datetime, trail: Trail | None = None) -> Pause:
    """Declare a pause from now on, told to the `trail` in the same transaction.

    Raises `InvalidInput` for an empty reason and for an end that is past or a week away, `Conflict` during a pause.
    """
    check(until=until, reason=reason, now=now)
    with PauseStore(pool).transaction() as session:
        pause_id = session.begin(until=until, reason=reason.strip(), by=by, now=now)
        if pause_id is None:
            raise Conflict("paused-already", "everything is paused already: end that pause first", field="until")
        pause = session.pause(pause_id)
        if trail is not None:
            trail(session.connection, None, pause)
    return pause


def check(*, until: datetime, reason: str, now: datetime) -> None:
    """Raises `InvalidInput` as `begin` does."""
    if not reason.strip():
        raise InvalidInput("pause-reason-needed", "say why everything is paused", field="reason")
    if not now < until <= now + LONGEST:
        raise InvalidInput(
            "bad-pause-end", "a pause ends in the future, after {days} days at most", days=LONGEST.days, field="until"
        )


def end(pool: Pool, pause_id: int, *, reason: str, by: str, now: datetime, trail: Trail | None = None) -> Pause:
    """End a pause before its time. Raises `NotFound`, `InvalidInput` without a reason, `Conflict` when it is over."""
    if not reason.strip():
        raise InvalidInput("pause-end-reason-needed", "say why the pause ends", field="reason")
    with PauseStore(pool).transaction() as session:
        before = session.pause(pause_id)
        if not session.end(pause_id, reason=reason.strip(), by=by, now=now):
            raise Conflict("pause-over", "pause {pause} is over already", pause=pause_id, field="pause_id")
        after = session.pause(pause_id)
        if trail is not None:
            trail(session.connection, before, after)
    return after


def active(pool: Pool, now: datetime) -> Pause | None:
    """The pause of this moment."""
    with PauseStore(pool).transaction() as session:
        return session.active(now=now)


def hold(pool: Pool, *, job: str, trigger: str, due_at: datetime, now: datetime) -> Pause | None:
    """Whether a schedule must rest: its moment is noted then, to be caught up."""
    with PauseStore(pool).transaction() as session:
        pause = session.active(now=now)
        if pause is not None:
            session.hold(pause, job=job, trigger=trigger, due_at=due_at)
    return pause


def listed(
    pool: Pool, *, limit: int = 50, offset: int = 0, cursor: str | None = None
) -> tuple[list[tuple[Pause, list[Moment]]], str | None]:
    """Pauses with the moments that fell into them, newest first."""
    after = cursors.decode(cursor, id=int)
    with PauseStore(pool).transaction() as session:
        pauses = session.pauses(after=after, limit=limit + 1, offset=offset)
        shown, following = cursors.cut(pauses, limit, lambda pause: {"id": pause.id})
        moments = session.moments([pause.id for pause in shown])
    return [(pause, [each for each in moments if each.pause_id == pause.id]) for pause in shown], following


def catch_up(ctx: OperationsContext) -> int:
    """Launch what schedules would have launched in pauses that are over; how many runs. Twice is as once."""
    if ctx.triggers is None or ctx.runner is None:
        return 0
    store = PauseStore(ctx.pool)
    with store.transaction() as session:
        if session.active(now=ctx.clock()) is not None:
            return 0
        moments = session.to_catch_up(now=ctx.clock())
    launched = 0
    for moment in moments:
        try:
            run_ids = _launched(moment, ctx.triggers, ctx.runner)
        except NotFound:  # the schedule is gone since: there is nothing to catch up
            run_ids = []
        except PlatformError as error:  # of one alone: it is tried again, and told if that does not help
            _log.warning("pause_not_caught_up", trigger=moment.trigger, reason=error.message)
            continue
        with store.transaction() as session:
            session.settle(moment, run_ids, now=ctx.clock())
        launched += len(run_ids)
    return launched


def _launched(moment: Moment, triggers: Triggers, runner: Runner) -> list[str]:
    """The runs of a moment; their ids follow from it, so that nothing is launched twice."""
    run_ids = []
    for number, launch in enumerate(triggers.launches(moment.trigger, moment.due_at)):
        run_id = str(uuid5(_IDS, f"{moment.trigger} {moment.due_at.astimezone(UTC).isoformat()} {number}"))
        run_ids.append(runner.submit(launch, requested_by=f"pause {moment.pause_id}", run_id=run_id))
    return run_ids

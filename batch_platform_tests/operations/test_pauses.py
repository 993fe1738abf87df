"""Maintenance windows: what starts by itself rests, and what schedules left is caught up once."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from batch_platform.core.clock import utc_now
from batch_platform.core.failures import Conflict, InvalidInput, TransientFailure
from batch_platform.kit.dry_runs import DryRun
from batch_platform.kit.jobs import Look, Run, Schedule, Sensor, Tick, job
from batch_platform.kit.jobs import Request as RunAsked
from batch_platform.operations import alerts, pauses
from batch_platform.operations.model import Launch
from batch_platform.operations.pauses import Pause
from batch_platform_tests.operations.world import World

REASON = "the database gets a new version"


@dg.op
def act() -> None: ...


def rehearse(work: Any) -> DryRun:
    """Nothing."""
    return [], ""


def finds(tick: Tick) -> Look:
    return Look([RunAsked(run_key="new")], cursor="after")


RESTING = job(
    id="TEST_003",
    name="resting",
    title="Resting",
    description="Rests.",
    domain="tests",
    runs=[Run("resting", act)],
    dry_run=rehearse,
    schedules=[Schedule("resting_schedule", "0 * * * *")],
    sensor=Sensor("resting_sensor", timedelta(seconds=30), "Looks.", looks=finds),
)


@dataclass
class Triggers:
    """What schedules would launch, and whether the code server answers."""

    silent: bool = False
    asked: list[tuple[str, datetime]] = field(default_factory=list)

    def switch(self, trigger: str, *, on: bool) -> None: ...

    def launches(self, schedule: str, at: datetime) -> list[Launch]:
        if self.silent:
            raise TransientFailure("code-server-silent", "Dagster's code server does not answer")
        self.asked.append((schedule, at))
        return [Launch("plain"), Launch("plain")]


@dataclass(frozen=True)
class Postgres:
    world: World

    def pool(self) -> Any:
        return self.world.ctx.pool


def paused(world: World, **length: float) -> Pause:
    now = world.clock()
    return pauses.begin(world.ctx.pool, until=now + timedelta(**length), reason=REASON, by="local:ann", now=now)


def tick(world: World, at: datetime) -> dg.SkipReason | list[dg.RunRequest]:
    """What the schedule answers Dagster at this moment."""
    resources = {"tests": object(), "postgres": Postgres(world)}
    with dg.build_schedule_context(scheduled_execution_time=at, resources=resources) as context:
        evaluated = RESTING.schedules[0].evaluate_tick(context)
    return dg.SkipReason(evaluated.skip_message) if evaluated.skip_message else list(evaluated.run_requests or ())


def look(world: World) -> Any:
    resources = {"tests": object(), "postgres": Postgres(world)}
    with dg.build_sensor_context(instance=world.instance, cursor="before", resources=resources) as context:
        return RESTING.sensors[0].evaluate_tick(context)


def test_in_a_pause_nothing_is_asked_for_and_afterwards_it_is(world: World) -> None:
    at = utc_now().replace(minute=0, second=0, microsecond=0)
    pause = paused(world, hours=1)
    skipped = tick(world, at)
    assert isinstance(skipped, dg.SkipReason)
    assert "by local:ann: the database gets a new version" in (skipped.skip_message or "")
    tick(world, at)  # a tick that is repeated is one moment
    waiting = look(world)
    assert (waiting.run_requests, waiting.cursor) == ([], "before")
    pauses.end(world.ctx.pool, pause.id, reason="done", by="local:ann", now=world.clock())
    assert len(tick(world, at)) == 1  # type: ignore[arg-type]
    found = look(world)
    assert ([each.run_key for each in found.run_requests], found.cursor) == (["new"], "after")
    [(_, moments)], _ = pauses.listed(world.ctx.pool)
    assert [(moment.job, moment.trigger, moment.due_at) for moment in moments] == [
        ("resting", "resting_schedule", at)
    ]


def test_the_newest_moment_of_each_schedule_is_caught_up_once(world: World) -> None:
    triggers = Triggers()
    ctx = world.with_(triggers=triggers).ctx
    hour = utc_now().replace(minute=0, second=0, microsecond=0)
    pause = paused(world, hours=3)
    for number in range(3):
        at = hour + timedelta(hours=number)
        pauses.hold(ctx.pool, job="plain-work", trigger="hourly", due_at=at, now=world.clock())
    assert pauses.catch_up(ctx) == 0  # it lasts
    world.clock.pass_by(hours=3)
    triggers.silent = True
    assert pauses.catch_up(ctx) == 0
    triggers.silent = False
    assert pauses.catch_up(ctx) == 2
    assert pauses.catch_up(ctx) == 0
    assert triggers.asked == [("hourly", hour + timedelta(hours=2))]
    [(shown, moments)], _ = pauses.listed(ctx.pool)
    assert (shown.id, shown.active(world.clock())) == (pause.id, False)
    assert [len(moment.run_ids or ()) for moment in moments] == [0, 0, 2]
    assert all(moment.settled_at for moment in moments)
    tags = [run.tags for run in world.instance.get_runs()]
    assert [each["batch_platform/requested_by"] for each in tags] == [f"pause {pause.id}"] * 2


def test_what_is_not_caught_up_is_an_incident(world: World) -> None:
    rule = next(rule for rule in alerts.RULES if rule.name == "pause-not-caught-up")
    paused(world, hours=1)
    pauses.hold(world.ctx.pool, job="plain-work", trigger="hourly", due_at=world.clock(), now=world.clock())
    world.clock.pass_by(hours=1, minutes=9)
    assert alerts.judge(world.ctx.pool, rule, now=world.clock()) == (0, 0)
    world.clock.pass_by(minutes=2)
    assert alerts.judge(world.ctx.pool, rule, now=world.clock()) == (1, 0)
    pauses.catch_up(world.with_(triggers=Triggers()).ctx)
    assert alerts.judge(world.ctx.pool, rule, now=world.clock()) == (0, 1)


def test_a_pause_has_an_end_a_reason_and_no_second(world: World) -> None:
    now, pool = world.clock(), world.ctx.pool
    for until, reason, why in (
        (now, REASON, "ends in the future"),
        (now + timedelta(days=8), REASON, "after 7 days at most"),
        (now + timedelta(hours=1), " ", "say why"),
    ):
        with pytest.raises(InvalidInput, match=why):
            pauses.begin(pool, until=until, reason=reason, by=f"cli:{uuid4()}", now=now)
    pause = paused(world, minutes=1)
    with pytest.raises(Conflict, match="paused already"):
        paused(world, minutes=1)
    world.clock.pass_by(minutes=1)
    with pytest.raises(Conflict, match="is over already"):
        pauses.end(pool, pause.id, reason="done", by="local:ann", now=world.clock())
    assert pauses.active(pool, world.clock()) is None
    paused(world, minutes=1)

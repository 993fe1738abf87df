"""Signs of life: who is silent is an incident, and how long nothing was watched is told afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from batch_platform.core.failures import TransientFailure
from batch_platform.operations import health, service
from batch_platform.operations.health import Rounds, WorkerSigns
from batch_platform.operations.model import Incident
from batch_platform.operations.monitor import Monitor, MonitorOptions
from batch_platform_tests.operations.world import World

DEAD: set[str] = set()
HANGS = threading.Event()


@pytest.fixture(autouse=True)
def all_is_well() -> Iterator[None]:
    DEAD.clear()
    HANGS.clear()
    yield
    HANGS.set()


def s3() -> None:
    if "s3" in DEAD:
        raise TransientFailure("s3-away", "S3 does not answer")


def daemon() -> None:
    if "daemon" in DEAD:
        HANGS.wait()


@pytest.fixture
def monitor(world: World) -> Monitor:
    return Monitor(world.ctx, MonitorOptions(rounds=Rounds({"s3": s3, "daemon": daemon}, ["mailer"])))


def states(world: World) -> dict[str, str]:
    return {each.name: each.state(world.clock()) for each in health.components(world.ctx.pool)}


def found(world: World, rule: str, *, open_only: bool = True) -> list[Incident]:
    return [each for each in service.incidents(world.ctx, open_only=open_only)[0] if each.rule == rule]


def test_the_death_of_each_part_is_an_incident_until_it_is_back(world: World, monitor: Monitor) -> None:
    mailer = WorkerSigns(world.variables["TEST_DATABASE"], "mailer", world.clock)
    assert monitor.once().failed == ()
    mailer()
    assert states(world) == {"monitor": "alive", "daemon": "alive", "s3": "alive", "worker mailer": "alive"}
    DEAD.update({"s3", "daemon"})
    world.clock.pass_by(seconds=100)
    assert monitor.once().failed == ()
    assert states(world) == {"monitor": "alive", "daemon": "silent", "s3": "silent", "worker mailer": "silent"}
    incidents = {each.subject: each for each in found(world, "component-dead")}
    assert set(incidents) == {"daemon", "s3", "worker mailer"}
    assert "S3 does not answer" in incidents["s3"].summary
    assert "no answer in 3 s" in incidents["daemon"].summary
    assert {each.severity for each in incidents.values()} == {"critical"}
    DEAD.clear()
    HANGS.set()
    mailer()
    monitor.once()
    assert found(world, "component-dead") == []


def test_what_was_never_seen_is_told_too(world: World, monitor: Monitor) -> None:
    monitor.once()
    assert states(world)["worker mailer"] == "never"
    assert found(world, "component-dead") == []
    world.clock.pass_by(seconds=100)
    monitor.once()
    [incident] = found(world, "component-dead")
    assert (incident.subject, "never" in incident.summary) == ("worker mailer", True)


def test_how_long_nothing_was_watched_is_told_once(world: World, monitor: Monitor) -> None:
    monitor.once()
    world.clock.pass_by(seconds=60)
    monitor.once()
    assert found(world, "unwatched", open_only=False) == []
    world.clock.pass_by(minutes=10)
    monitor.once()
    monitor.once()
    [notice] = found(world, "unwatched", open_only=False)
    assert notice.notice
    assert "nothing was watched from" in notice.summary


def test_a_worker_says_it_a_few_times_a_minute(world: World, monitor: Monitor) -> None:
    monitor.once()
    mailer = WorkerSigns(world.variables["TEST_DATABASE"], "mailer", world.clock)
    mailer()
    first = {each.name: each.alive_at for each in health.components(world.ctx.pool)}["worker mailer"]
    world.clock.pass_by(seconds=5)
    mailer()
    assert {each.name: each.alive_at for each in health.components(world.ctx.pool)}["worker mailer"] == first
    away = WorkerSigns("postgresql://nobody@127.0.0.1:1/none", "mailer", world.clock)
    away()  # a database that is away ends no worker
    assert first is not None
    assert world.clock() - first < timedelta(minutes=1)

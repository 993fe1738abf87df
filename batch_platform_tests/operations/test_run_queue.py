"""The queue of runs in the order in which Dagster's daemon takes them, and the priorities that people change."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import dagster as dg
import pytest
from dagster._core.instance.config import ConcurrencyConfig
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.run_coordinator.queued_run_coordinator import RunQueueConfig
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from batch_platform.core.audit import AuditEntry, AuditStore, Log
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.operations import run_queue
from batch_platform_tests.operations.world import World, await_stopped, kill

REASON = "the bank waits for this file"
TAG = "dagster/priority"


def log(world: World) -> Log:
    return Log(world.ctx.pool, world.clock, "local:ann")


def order(world: World) -> list[str]:
    return [queued.run.run_id for queued in run_queue.queue(world.ctx)]


def dequeued(world: World) -> list[str]:
    """What Dagster's own coordinator would start, all of it, in its order; it looks at pages of three."""
    assert isinstance(world.instance.run_coordinator, QueuedRunCoordinator)
    pools, all_of_them = world.instance.get_concurrency_config().pool_config, RunQueueConfig(-1, [])
    config = ConcurrencyConfig(pool_config=pools, run_queue_config=all_of_them)
    with QueuedRunCoordinatorDaemon(interval_seconds=1, page_size=3) as daemon:
        return [run.run_id for run in daemon._get_runs_to_dequeue(world.instance, config, None)]


def tags(world: World, run_id: str) -> Any:
    run = world.instance.get_run_by_id(run_id)
    assert run is not None
    return run.tags


def audit(world: World, run_id: str) -> list[AuditEntry]:
    return AuditStore(world.ctx.pool).rows(what=run_queue.PRIORITIZE, target=run_id)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_that_of_the_daemon(world: World, seed: int) -> None:
    chance = random.Random(seed)
    given = ["", "0", "-1", "7", "1_0", "high", "-100", "+3", " 2"]
    run_ids = [
        world.queued(tags={TAG: text} if (text := chance.choice(given)) else {}) for _ in range(chance.randint(6, 9))
    ]
    assert order(world) == dequeued(world)
    for _ in range(3):
        run_id, priority = chance.choice(run_ids), chance.randint(-100, 100)
        with suppress(Conflict):  # it has this priority already
            run_queue.prioritize(world.ctx, log(world), run_id, priority, reason=REASON)
        assert order(world) == dequeued(world)
        assert sorted(order(world)) == sorted(run_ids)


def test_the_newest_run_goes_first_when_somebody_says_so(world: World) -> None:
    older, newest = world.queued(), world.queued()
    assert dequeued(world) == [older, newest]
    changed = run_queue.prioritize(world.ctx, log(world), newest, 10, reason=f" {REASON} ")
    assert (changed.run.run_id, changed.priority) == (newest, 10)
    assert dequeued(world) == order(world) == [newest, older]
    assert [run.run_id for run in world.instance.get_runs(dg.RunsFilter(tags={TAG: "10"}))] == [newest]
    run_queue.prioritize(world.ctx, log(world), newest, -5, reason=REASON)
    assert dequeued(world) == order(world) == [older, newest]
    assert world.instance.get_runs(dg.RunsFilter(tags={TAG: "10"})) == []
    rows = [(row.who, row.before, row.after, row.outcome) for row in reversed(audit(world, newest))]
    assert rows == [
        ("local:ann", {"jobName": "plain-work", "priority": before}, {"priority": after, "reason": REASON}, "done")
        for before, after in ((0, 10), (10, -5))
    ]


def test_what_cannot_be_is_refused_and_leaves_no_row(world: World) -> None:
    run_id, ended = world.queued(), world.run("plain")
    for asked, priority, reason, failure, sentence in (
        (run_id, 101, REASON, InvalidInput, "a priority is a whole number from -100 to 100"),
        (run_id, -101, REASON, InvalidInput, "a priority is a whole number from -100 to 100"),
        (run_id, 1, " ", InvalidInput, "say why the priority changes"),
        (run_id, 0, REASON, Conflict, "has priority 0 already"),
        (ended, 1, REASON, Conflict, "is not queued any more"),
        ("00000000-0000-0000-0000-000000000000", 1, REASON, NotFound, "no run"),
    ):
        with pytest.raises(failure, match=sentence):
            run_queue.prioritize(world.ctx, log(world), asked, priority, reason=reason)
        assert audit(world, asked) == []
    assert TAG not in tags(world, run_id)
    for text in ("", "high", "1.5", "１", "1_0"):
        with pytest.raises(InvalidInput, match="whole number"):
            run_queue.read_priority(text)
    assert run_queue.read_priority(" -7 ") == -7


def test_a_run_that_is_started_meanwhile_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id, intended = world.queued(), Log.intent

    def started(self: Log, *arguments: Any) -> Any:
        run = world.instance.get_run_by_id(run_id)
        assert run is not None
        world.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_STARTING", run.job_name), run_id)
        return intended(self, *arguments)

    monkeypatch.setattr(Log, "intent", started)
    with pytest.raises(Conflict, match="is not queued any more"):
        run_queue.prioritize(world.ctx, log(world), run_id, 10, reason=REASON)
    assert TAG not in tags(world, run_id)
    [row] = audit(world, run_id)
    assert (row.outcome or "").startswith("refused")


def test_what_a_launch_writes_at_the_same_moment_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's own change of tags would write the run back as it was read, without them."""
    import dagster._serdes as serdes

    run_id, read = world.queued(), serdes.deserialize_value

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.undo()
        world.instance.add_run_tags(run_id, {GRPC_INFO_TAG: "here"})
        return read(*arguments)

    monkeypatch.setattr(serdes, "deserialize_value", meanwhile)
    assert world.ctx.dagster.prioritize(run_id, 3)
    assert {TAG: "3", GRPC_INFO_TAG: "here"}.items() <= tags(world, run_id).items()


def test_a_process_killed_before_it_wrote_leaves_an_open_row(world: World) -> None:
    run_id = world.queued()
    process = world.spawn("prioritize", run_id)
    await_stopped(process)
    kill(process)
    [row] = audit(world, run_id)
    assert (row.who, row.outcome, row.after) == ("process", None, None)
    assert TAG not in tags(world, run_id)
    assert run_queue.prioritize(world.ctx, log(world), run_id, 9, reason="urgent").priority == 9
    assert [row.outcome for row in audit(world, run_id)] == ["done", None]

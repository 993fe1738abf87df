"""Dead letters: one for a run that used its attempts, retried or discarded, through kills and late news."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PermanentFailure, TransientFailure
from batch_platform.operations import retries, service
from batch_platform.operations.dagster.launch import InProcessRunner
from batch_platform.operations.model import DeadLetter, DeadLetterState, Launch, RunStatus
from batch_platform_tests.operations.world import OUTCOMES, World, await_stopped, kill


def letters(world: World) -> list[DeadLetter]:
    return service.dead_letters(world.ctx)[0]


def failed(world: World, *outcomes: str, partition: str = "a") -> DeadLetter:
    """The one dead letter after a run that failed."""
    world.run("letters", *(outcomes or ("permanent",)), partition=partition, tags={"finops/project": "acme"})
    world.sync()
    [letter] = letters(world)
    return letter


def retried(world: World, letter: DeadLetter, *outcomes: str) -> DeadLetter:
    OUTCOMES[:] = outcomes
    service.retry_dead_letter(world.ctx, letter.id, version=letter.version, by="local:hanako")
    OUTCOMES.clear()
    world.sync()
    return service.dead_letter(world.ctx, letter.id)


def test_used_attempts_leave_exactly_one(world: World) -> None:
    letter = failed(world, *["transient"] * 3, partition="b")
    assert (letter.job, letter.place, letter.attempts, letter.state) == (
        "write-letters",
        "b",
        3,
        DeadLetterState.OPEN,
    )
    assert letter.cause == "the server is away: password=***"
    assert letter.tags == {"finops/project": "acme", "domain/kind": "letter"}
    world.sync()
    world.execute("DELETE FROM operations.marks")
    world.sync()
    assert letters(world) == [letter]


def test_what_succeeds_in_the_end_or_is_a_rehearsal_leaves_none(world: World) -> None:
    world.run("letters", "transient", "transient", partition="a")
    rehearsal = world.unfinished("plain_dry_run", status=dg.DagsterRunStatus.STARTED)
    world.instance.report_run_failed(rehearsal, "killed", job_failure_data=None)
    canceled = world.unfinished()
    world.instance.report_run_canceled(canceled)
    world.clock.pass_by(hours=1)
    world.sync()
    assert letters(world) == []


def test_automatic_re_executions_are_one_group(world: World) -> None:
    first = world.unfinished(status=dg.DagsterRunStatus.STARTED)
    world.instance.report_run_failed(first, "the worker was killed")
    world.sync()
    assert letters(world) == []  # Dagster has said that it will retry
    group: dict[str, Any] = {
        "root_run_id": first.run_id,
        "parent_run_id": first.run_id,
        "status": dg.DagsterRunStatus.STARTED,
    }
    tags = {"dagster/root_run_id": first.run_id, "dagster/parent_run_id": first.run_id}
    second = world.unfinished(**group, tags={**tags, "dagster/retry_number": "1"})
    world.instance.report_run_failed(second, "the worker was killed")
    world.sync()
    assert letters(world) == []
    third = world.unfinished(**group, tags={**tags, "dagster/retry_number": "2"})
    world.instance.report_run_failed(third, "the worker was killed again")
    world.sync()
    [letter] = letters(world)
    assert (letter.id, letter.run_id, letter.attempts) == (first.run_id, third.run_id, 3)
    assert letter.cause == "the run was ended from outside: the worker was killed again"


def test_a_retry_that_was_promised_and_never_came_is_a_failure(world: World) -> None:
    run = world.unfinished(status=dg.DagsterRunStatus.STARTED)
    world.instance.report_run_failed(run, "the worker was killed")
    world.clock.pass_by(minutes=14)
    world.sync()
    assert letters(world) == []
    world.clock.pass_by(minutes=2)
    world.sync()
    assert [letter.id for letter in letters(world)] == [run.run_id]


def test_a_retry_succeeds_and_resolves(world: World) -> None:
    letter = failed(world)
    settled = retried(world, letter)
    assert (settled.state, settled.retries, settled.changed_by) == (DeadLetterState.RESOLVED, 1, "local:hanako")
    assert settled.resolved_by_run is not None
    run = service.run(world.ctx, settled.resolved_by_run).run
    assert (run.partition, run.status, run.dead_letter_id) == ("a", RunStatus.SUCCESS, letter.id)
    assert run.tags["finops/project"] == "acme"
    assert run.requested_by == "local:hanako"


def test_a_retry_fails_and_opens_it_again(world: World) -> None:
    letter = failed(world)
    again = retried(world, letter, "transient", "transient", "transient")
    assert (again.state, again.retries, again.attempts) == (DeadLetterState.OPEN, 1, 4)
    assert again.cause == "the server is away: password=***"
    assert again.version > letter.version
    assert retried(world, again).state is DeadLetterState.RESOLVED
    assert len(letters(world)) == 1


def test_a_decision_on_an_older_version_is_refused(world: World) -> None:
    letter = failed(world)
    again = retried(world, letter, "permanent")
    with pytest.raises(Conflict, match="changed meanwhile: it is open now"):
        service.retry_dead_letter(world.ctx, letter.id, version=letter.version, by="x")
    with pytest.raises(Conflict):
        service.discard_dead_letter(world.ctx, letter.id, version=letter.version, reason="old", by="x")
    service.discard_dead_letter(world.ctx, letter.id, version=again.version, reason=" not needed ", by="x")
    with pytest.raises(Conflict, match="it is discarded now"):
        service.retry_dead_letter(world.ctx, letter.id, version=again.version + 1, by="x")
    with pytest.raises(NotFound):
        service.dead_letter(world.ctx, "no-such")


def test_a_discard_needs_a_reason_and_stays(world: World) -> None:
    letter = failed(world)
    with pytest.raises(InvalidInput) as caught:
        service.discard_dead_letter(world.ctx, letter.id, version=letter.version, reason="  ", by="x")
    assert caught.value.field == "reason"
    gone = service.discard_dead_letter(world.ctx, letter.id, version=letter.version, reason="obsolete", by="x")
    world.run("letters", partition="a")
    world.execute("DELETE FROM operations.marks")
    world.sync()
    assert letters(world) == [gone]
    assert (gone.state, gone.reason, gone.changed_by) == (DeadLetterState.DISCARDED, "obsolete", "x")


@pytest.mark.parametrize(("partition", "resolved"), [("a", True), ("b", False)])
def test_a_later_success_of_the_same_partition_resolves(world: World, partition: str, resolved: bool) -> None:
    letter = failed(world)
    run_id = world.run("letters", partition=partition)
    world.sync()
    settled = service.dead_letter(world.ctx, letter.id)
    assert (settled.state is DeadLetterState.RESOLVED) == resolved
    assert settled.resolved_by_run == (run_id if resolved else None)


def test_failure_and_later_success_between_two_looks_leave_a_resolved_one(world: World) -> None:
    world.run("letters", "permanent", partition="a")
    world.run("letters", partition="a")
    world.sync()
    assert [letter.state for letter in letters(world)] == [DeadLetterState.RESOLVED]


def test_a_success_before_the_failure_resolves_nothing(world: World) -> None:
    world.run("letters", partition="a")
    assert failed(world).state is DeadLetterState.OPEN


def test_a_cancelled_or_lost_retry_opens_it_again(world: World) -> None:
    class Silent(InProcessRunner):
        def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
            return run_id or str(uuid4())

    letter = failed(world)
    lost = world.with_(runner=Silent(world.launcher))
    service.retry_dead_letter(lost.ctx, letter.id, version=letter.version, by="x")
    lost.clock.pass_by(minutes=11)
    lost.sync()
    again = service.dead_letter(world.ctx, letter.id)
    assert (again.state, again.retry_run_id) == (DeadLetterState.OPEN, None)
    begun = service.retry_dead_letter(lost.ctx, letter.id, version=again.version, by="x")
    run = world.unfinished("letters", run_id=begun.retry_run_id, tags={"dagster/partition": "a"})
    world.instance.report_run_canceled(run)
    world.sync()
    assert service.dead_letter(world.ctx, letter.id).state is DeadLetterState.OPEN


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (PermanentFailure("no-job", "no such job"), DeadLetterState.OPEN),
        (TransientFailure("loading", "loading"), DeadLetterState.RETRYING),
    ],
)
def test_a_runner_that_refuses(world: World, error: Exception, state: DeadLetterState) -> None:
    class Refusing(InProcessRunner):
        def submit(self, launch: Launch, *, requested_by: str, run_id: str | None = None) -> str:
            raise error

    letter = failed(world)
    refused = world.with_(runner=Refusing(world.launcher))
    if state is DeadLetterState.OPEN:
        with pytest.raises(PermanentFailure, match="no such job"):
            service.retry_dead_letter(refused.ctx, letter.id, version=letter.version, by="x")
    else:
        service.retry_dead_letter(refused.ctx, letter.id, version=letter.version, by="x")
    assert service.dead_letter(world.ctx, letter.id).state is state
    world.clock.pass_by(seconds=20)
    assert retries.ask_again(world.ctx) == (state is DeadLetterState.RETRYING)
    world.sync()
    finished = DeadLetterState.RESOLVED if state is DeadLetterState.RETRYING else DeadLetterState.OPEN
    assert service.dead_letter(world.ctx, letter.id).state is finished


@pytest.mark.faults
@pytest.mark.parametrize("point", ["before", "after"])
def test_a_retry_killed_half_way_is_neither_lost_nor_doubled(world: World, point: str) -> None:
    letter = failed(world)
    process = world.spawn("retry", letter.id, point)
    await_stopped(process)
    kill(process)
    assert service.dead_letter(world.ctx, letter.id).state is DeadLetterState.RETRYING
    world.clock.pass_by(seconds=20)
    for _ in range(2):
        retries.ask_again(world.ctx)
        world.sync()
    runs = world.rows("SELECT status FROM operations.job_runs WHERE dead_letter_id = %s", letter.id)
    assert runs == [("success",)]
    assert service.dead_letter(world.ctx, letter.id).state is DeadLetterState.RESOLVED


def test_pages_follow_each_other(world: World) -> None:
    for partition in "abc":
        world.run("letters", "permanent", partition=partition)
    world.sync()
    first, cursor = service.dead_letters(world.ctx, DeadLetterState.OPEN, job="TEST_001", limit=2)
    assert cursor is not None
    rest, end = service.dead_letters(world.ctx, DeadLetterState.OPEN, limit=2, cursor=cursor)
    assert [letter.partition for letter in (*first, *rest)] == ["c", "b", "a"]
    assert end is None
    assert service.dead_letters(world.ctx, DeadLetterState.DISCARDED) == ([], None)
    with pytest.raises(NotFound):
        service.dead_letters(world.ctx, job="no-such")

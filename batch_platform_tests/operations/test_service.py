"""What users ask of operations: jobs, runs by hand, history, details."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import dagster as dg
import pytest

from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PermanentFailure
from batch_platform.operations import service
from batch_platform.operations.model import Registry, RunStatus
from batch_platform_tests.operations.world import OUTCOMES, REGISTRY, LetterParameters, World


def test_a_job_is_run_by_hand_with_its_parameters(world: World) -> None:
    run = service.execute(world.ctx, "write-letters", {"letter": "c", "targetDate": "2026-10-01"}, by="local:hanako")
    assert (run.partition, run.status, run.requested_by) == ("c", RunStatus.SUCCESS, "local:hanako")
    assert run.parameters == {"letter": "c", "targetDate": "2026-10-01"}
    assert service.history(world.ctx, "TEST_001") == ([run], None)
    given = LetterParameters(letter="b", target_date=date(2026, 10, 1))
    assert service.execute(world.ctx, "write-letters", given, by="x").partition == "b"


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"targetDate": 0}, "targetDate"),
        ({"targetDate": "2026-13-01"}, "targetDate"),
        ({"dryRun": "off"}, "dryRun"),
        ({"dryRun": 1}, "dryRun"),
        ({"letter": 5}, "letter"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_parameter_that_is_none_is_named(world: World, parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        service.execute(world.ctx, "write-letters", parameters, by="x")
    assert caught.value.field == field
    assert not world.instance.get_runs()


def test_a_rehearsal_shows_what_it_would_do_and_counts_for_nothing(world: World) -> None:
    run = service.execute(world.ctx, "plain-work", {"dryRun": True}, by="x")
    assert (run.dry_run, run.dagster_job, run.job) == (True, "plain_dry_run", "plain-work")
    detail = service.run(world.ctx, run.run_id)
    assert (detail.dry_run_rows, detail.dry_run_summary) == (({"would": "write"},), "1 row")
    assert service.status(world.ctx, "plain-work").last_success_at is None


def test_the_same_key_is_answered_with_the_same_run(world: World) -> None:
    first = service.execute(world.ctx, "plain-work", {}, by="x", idempotency_key="k1")
    again = service.execute(world.ctx, "plain-work", {}, by="x", idempotency_key="k1")
    other = service.execute(world.ctx, "plain-work", {}, by="y", idempotency_key="k1")
    assert first.run_id == again.run_id != other.run_id
    assert UUID(first.run_id)
    assert len(world.instance.get_runs()) == 2
    with pytest.raises(Conflict, match="with other parameters"):
        service.execute(world.ctx, "plain-work", {"targetDate": "2026-10-01"}, by="x", idempotency_key="k1")


def test_unknown_names_are_not_found(world: World) -> None:
    for call in (service.status, service.history, service.gaps):
        with pytest.raises(NotFound, match="no job no-such"):
            call(world.ctx, "no-such")
    with pytest.raises(NotFound, match="no run x"):
        service.run(world.ctx, "x")
    with pytest.raises(PermanentFailure, match="cannot start"):
        service.execute(world.with_(runner=None).ctx, "plain-work", {}, by="x")


def test_jobs_and_how_they_stand(world: World) -> None:
    assert [overview.job.name for overview in service.jobs(world.ctx)] == ["write-letters", "plain-work"]
    with world.ctx.store.transaction() as session:
        session.save_jobs(list(REGISTRY), now=world.clock())
    good = world.run("letters", partition="a")
    bad = world.run("letters", "permanent", partition="b")
    world.queued()
    world.unfinished(status=dg.DagsterRunStatus.STARTED)
    world.sync()
    letters, plain = service.jobs(world.ctx)
    assert letters.last_run is not None
    assert (letters.last_run.run_id, letters.open_dead_letters) == (bad, 1)
    assert letters.last_success_at == service.run(world.ctx, good).run.ended_at
    assert (plain.queued, plain.running, plain.last_run is None) == (1, 1, False)


def test_history_pages_and_filters(world: World) -> None:
    runs = [world.run("letters", *outcome, partition="a") for outcome in ([], ["permanent"], [], [])]
    world.sync()
    first, cursor = service.history(world.ctx, "write-letters", limit=3)
    assert cursor is not None
    world.run("letters", partition="a")  # a newer one shifts no page
    world.sync()
    rest, end = service.history(world.ctx, "write-letters", limit=3, cursor=cursor)
    assert [run.run_id for run in (*first, *rest)] == runs[::-1]
    assert end is None
    failures, _ = service.history(world.ctx, "write-letters", status=RunStatus.FAILURE)
    assert [run.run_id for run in failures] == [runs[1]]
    assert [run.run_id for run in service.history(world.ctx, "write-letters", limit=2, offset=4)[0]] == [runs[0]]


def test_a_run_in_detail_and_after_dagster_forgot_it(world: World) -> None:
    OUTCOMES[:] = ["transient", "permanent"]
    run = service.execute(world.ctx, "write-letters", {}, by="x")
    detail = service.run(world.ctx, run.run_id)
    [step] = detail.steps
    assert (step.key, step.status, step.attempts) == ("lettered", "failure", 2)
    assert (detail.steps_done, detail.steps_total) == (1, 1)
    assert detail.run.cause == "no such bucket: password=***"
    said = "\n".join(line.text for line in detail.messages)
    assert "hunter2" not in said
    assert detail.dry_run_rows is None
    world.instance.delete_run(run.run_id)
    forgotten = service.run(world.ctx, run.run_id)
    assert (forgotten.run, forgotten.steps, forgotten.messages) == (detail.run, (), ())


def test_only_a_going_run_is_cancelled(world: World) -> None:
    ended = service.execute(world.ctx, "plain-work", {}, by="x")
    with pytest.raises(Conflict, match="already ended: success"):
        service.cancel(world.ctx, ended.run_id, by="x")
    going = world.unfinished(status=dg.DagsterRunStatus.STARTED)
    with pytest.raises(Conflict, match="is not this command's"):
        service.cancel(world.ctx, going.run_id, by="x")


def test_a_registry_refuses_doubles() -> None:
    [letters, plain] = REGISTRY
    with pytest.raises(ValueError, match="registered twice"):
        Registry([letters, letters])
    assert len(Registry([letters, plain])) == 2

"""The ledger: what is copied of Dagster's runs, that nothing is lost or doubled, and that it can be made again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from batch_platform.core.failures import NotFound
from batch_platform.operations.dagster.storage import DagsterInstanceStorage
from batch_platform.operations.model import JOB_TAG, PARAMETERS_TAG, REQUESTED_BY_TAG, Registry, RunStatus, Trigger
from batch_platform_tests.operations.world import REGISTRY, World, dagster_execute

LEDGER = "SELECT to_jsonb(r) FROM operations.job_runs r ORDER BY run_id"


def run_of(world: World, run_id: str) -> Any:
    with world.ctx.store.transaction() as session:
        return session.run(run_id)


def test_a_run_is_copied_with_all_that_users_ask_about(world: World) -> None:
    tags = {
        REQUESTED_BY_TAG: "local:hanako",
        PARAMETERS_TAG: json.dumps({"letter": "b"}),
        "finops/project": "acme",
    }
    run_id = world.run("letters", "transient", partition="b", tags=tags)
    assert world.sync() == 1
    run = run_of(world, run_id)
    assert (run.job, run.dagster_job, run.place) == ("write-letters", "letters", "b")
    assert (run.status, run.attempts, run.cause) == (RunStatus.SUCCESS, 2, None)
    assert (run.trigger, run.requested_by, run.dry_run) == (Trigger.MANUAL, "local:hanako", False)
    assert run.parameters == {"letter": "b"}
    assert run.tags == {"finops/project": "acme", "domain/kind": "letter"}
    assert run.created_at <= run.started_at <= run.ended_at <= run.updated_at + timedelta(seconds=1)
    assert run.created_at.utcoffset() == timedelta(0)
    assert run.root_run_id == run_id
    assert run.duration == run.ended_at - run.started_at
    assert world.sync() == 0


def test_a_failure_says_why_in_one_sentence_without_secrets(world: World) -> None:
    used_up = world.run("letters", *["transient"] * 3, partition="a")
    at_once = world.run("letters", "permanent", partition="a")
    bug = world.run("plain", *["bug"] * 3)
    world.sync()
    runs = [run_of(world, run_id) for run_id in (used_up, at_once, bug)]
    assert [run.status for run in runs] == [RunStatus.FAILURE] * 3
    assert [run.attempts for run in runs] == [3, 1, 3]
    assert [run.cause for run in runs] == [
        "the server is away: password=***",
        "no such bucket: password=***",
        "unexpected error: ZeroDivisionError: 1/0",
    ]
    assert [run.will_retry for run in runs] == [False] * 3


def test_a_run_is_followed_from_the_queue_to_its_end(world: World) -> None:
    run_id = world.queued()
    world.sync()
    assert run_of(world, run_id).status is RunStatus.QUEUED
    run = world.instance.get_run_by_id(run_id)
    assert run is not None
    world.instance.report_run_failed(run, "the process that ran it was killed")
    assert world.sync() == 1
    ended = run_of(world, run_id)
    assert (ended.status, ended.cause) == (
        RunStatus.FAILURE,
        "the run was ended from outside: the process that ran it was killed",
    )
    assert (ended.will_retry, ended.attempts) == (True, 0)


def test_triggers_ranges_and_rehearsals_are_told_apart(world: World) -> None:
    def recorded(job: str = "plain", **tags: str) -> str:
        named = {name.replace("__", "/"): value for name, value in tags.items()}
        return world.unfinished(job, tags=named).run_id

    expected = {
        recorded(dagster__schedule_name="s"): Trigger.SCHEDULE,
        recorded(dagster__sensor_name="s"): Trigger.SENSOR,
        recorded(dagster__backfill="b"): Trigger.BACKFILL,
        recorded(dagster__schedule_name="s", dagster__retry_number="1"): Trigger.RETRY,
        recorded(dagster__schedule_name="s", batch_platform__dead_letter="x"): Trigger.RETRY,
        recorded(batch_platform__parameters="not json"): Trigger.MANUAL,
    }
    ranged = recorded("letters", dagster__asset_partition_range_start="a", dagster__asset_partition_range_end="c")
    rehearsal = recorded("plain_dry_run")
    world.sync()
    assert {run_id: run_of(world, run_id).trigger for run_id in expected} == expected
    assert (run_of(world, ranged).partition, run_of(world, ranged).partition_end) == ("a", "c")
    assert run_of(world, ranged).place == "a...c"
    assert run_of(world, rehearsal).dry_run
    assert run_of(world, rehearsal).job == "plain-work"


def test_only_runs_of_registered_jobs_stand_in_it(world: World) -> None:
    other = dg.Definitions(assets=[dg.asset(lambda: None, name="stranger")]).resolve_implicit_global_asset_job_def()
    world.instance.create_run_for_job(other)
    tagged = world.instance.create_run_for_job(other, tags={JOB_TAG: "plain-work"})
    world.sync()
    assert world.rows("SELECT run_id, job FROM operations.job_runs") == [(tagged.run_id, "plain-work")]


def test_made_again_from_nothing_it_is_the_same(world: World) -> None:
    for partition, outcomes in (("a", ["permanent"]), ("b", []), ("c", ["transient"])):
        world.run("letters", *outcomes, partition=partition)
    world.unfinished(tags={"dagster/schedule_name": "s"})
    world.sync()
    first = world.rows(LEDGER)
    world.execute("TRUNCATE operations.job_runs, operations.marks")
    assert world.sync() == 4
    assert world.rows(LEDGER) == first
    world.execute("DELETE FROM operations.marks")  # everything is looked at again, nothing is written
    assert world.sync() == 0


def test_more_runs_than_a_page_and_late_ones_are_not_lost(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr("batch_platform.operations.ledger._PAGE", 3)
    runs = [world.unfinished().run_id for _ in range(8)]
    assert world.sync() == 8
    # stored now, but dated before the last look: an event that came late, a machine whose clock is slow
    late = world.unfinished()
    stamp = "UPDATE runs SET update_timestamp = update_timestamp - interval '9 minutes' WHERE run_id = %s"
    dagster_execute(world, stamp, late.run_id)
    assert world.sync() == 1
    assert {run_id for (run_id,) in world.rows("SELECT run_id FROM operations.job_runs")} == {*runs, late.run_id}


def test_an_older_copy_never_overwrites_a_newer_one(world: World) -> None:
    run = world.unfinished(status=dg.DagsterRunStatus.STARTED)
    [older] = world.ctx.dagster.runs([run.run_id])
    world.instance.report_run_failed(run, "gone")
    world.sync()
    with world.ctx.store.transaction() as session:
        assert session.save_runs([older]) == 0
    assert run_of(world, run.run_id).status is RunStatus.FAILURE


def test_purged_runs_stay_and_deleted_ones_end(world: World) -> None:
    ended = world.run("plain")
    going = world.unfinished(status=dg.DagsterRunStatus.STARTED)
    world.sync()
    for run_id in (ended, going.run_id):
        world.instance.delete_run(run_id)
    world.sync()
    assert run_of(world, ended).status is RunStatus.SUCCESS
    assert run_of(world, going.run_id).status is RunStatus.CANCELED
    assert "deleted in Dagster" in run_of(world, going.run_id).cause


def test_a_run_whose_job_left_the_registry_is_still_followed(world: World) -> None:
    run = world.unfinished(status=dg.DagsterRunStatus.STARTED)
    world.sync()
    empty = Registry([])
    later = world.with_(registry=empty, dagster=DagsterInstanceStorage(world.instance, empty))
    world.instance.report_run_failed(run, "gone")
    later.sync()
    assert run_of(world, run.run_id).status is RunStatus.FAILURE


def test_two_at_once_do_not_double(world: World) -> None:
    from concurrent.futures import ThreadPoolExecutor

    ids = {world.unfinished().run_id for _ in range(20)}
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: world.sync(), range(4)))
    assert {run_id for (run_id,) in world.rows("SELECT run_id FROM operations.job_runs")} == ids


def test_assets_materialized_in_dagsters_ui_are_runs_of_the_job_that_makes_them(world: World) -> None:
    """With who started them; they neither meet the job's moments nor make dead letters."""
    job = replace(REGISTRY.get("write-letters"), assets=frozenset({"lettered", "posted"}))
    other = replace(REGISTRY.get("plain-work"), assets=frozenset({"posted", "filed", "stamped"}))
    mine = world.with_(dagster=DagsterInstanceStorage(world.instance, Registry([job, other])))
    tags = {REQUESTED_BY_TAG: "local:hanako", "dagster/partition": "b"}
    selection = {dg.AssetKey("lettered")}
    started = dg.DagsterRunStatus.STARTED
    run = world.unfinished("__ASSET_JOB", status=started, asset_selection=selection, tags=tags)
    unknown = world.instance.create_run_for_job(
        dg.Definitions(assets=[stranger]).resolve_job_def("__ASSET_JOB"), asset_selection={dg.AssetKey("stranger")}
    )
    mine.sync()
    row = run_of(world, run.run_id)
    assert (row.job, row.dagster_job, row.requested_by) == ("write-letters", "__ASSET_JOB", "local:hanako")
    assert (row.trigger, row.partition) == (Trigger.MANUAL, "b")
    with pytest.raises(NotFound):
        run_of(world, unknown.run_id)
    world.instance.report_run_failed(run, "it was wrong")
    world.clock.pass_by(hours=1)
    mine.sync()
    assert run_of(world, run.run_id).status is RunStatus.FAILURE
    assert world.value("SELECT count(*) FROM operations.dead_letters") == 0


@dg.asset
def stranger() -> None:
    """Of no job."""

"""Launching into Dagster's queue through a real code server; no daemon runs, so runs stay queued."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.events import DagsterEventType
from dagster._core.instance.config import ConcurrencyConfig
from dagster._core.launcher import RunLauncher
from dagster._core.run_coordinator.queued_run_coordinator import RunQueueConfig
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from batch_platform.core.clock import utc_now
from batch_platform.core.failures import Conflict, InvalidInput, NotFound, TransientFailure
from batch_platform.local import dagster_processes
from batch_platform.local.home import REPOSITORY, Home
from batch_platform.operations.dagster import run_launcher
from batch_platform.operations.dagster.launch import WORKER_TAG
from batch_platform.operations.dagster.queue import QueueRunner
from batch_platform.operations.dagster.storage import DagsterInstanceStorage
from batch_platform.operations.dagster.triggers import DagsterTriggers
from batch_platform.operations.model import Launch, Registry
from batch_platform_tests.site import Site
from batch_platform_tests.waiting import PATIENCE, eventually

COUNTING = Launch("counting", config={"ops": {"count": {"config": {"rows": 1}}}})


@pytest.fixture(scope="module")
def site(services: dict[str, str]) -> Iterator[Site]:
    home = Home(Path(services["BATCH_PLATFORM_HOME"]))
    site = Site(home, services, "batch_platform_tests.site_definitions", REPOSITORY)
    dagster_processes.write_workspace(site.home, site.code_port)
    site.start_code_server()
    try:
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="module")
def workspace(site: Site) -> Iterator[WorkspaceProcessContext]:
    target = WorkspaceFileTarget([str(dagster_processes.workspace_file(site.home))])
    with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, target) as context:
        yield context


@pytest.fixture
def runner(workspace: WorkspaceProcessContext) -> QueueRunner:
    return QueueRunner(workspace)


def found(workspace: WorkspaceProcessContext, run_id: str) -> dg.DagsterRun:
    run = workspace.instance.get_run_by_id(run_id)
    assert run is not None
    return run


def test_a_run_waits_in_the_queue_with_its_tags(workspace: WorkspaceProcessContext, runner: QueueRunner) -> None:
    launch = Launch("counting", config=COUNTING.config, tags={"site/why": "a test"})
    run = found(workspace, runner.submit(launch, requested_by="ann"))
    assert run.status is dg.DagsterRunStatus.QUEUED
    assert run.run_config == COUNTING.config
    expected = {"site/kind": "counting", "site/why": "a test", "batch_platform/requested_by": "ann"}
    assert expected.items() <= run.tags.items()


def test_the_daemon_starts_the_run_that_was_given_the_highest_priority(
    workspace: WorkspaceProcessContext, runner: QueueRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One iteration of Dagster's own, which has room for a single run."""
    instance, storage = workspace.instance, DagsterInstanceStorage(workspace.instance, Registry([]))
    waiting = [runner.submit(COUNTING, requested_by="ann") for _ in range(3)]
    config = ConcurrencyConfig(
        pool_config=instance.get_concurrency_config().pool_config, run_queue_config=RunQueueConfig(1, [])
    )
    monkeypatch.setattr(type(instance), "get_concurrency_config", lambda _: config)
    assert storage.prioritize(waiting[1], 100)
    assert storage.queue()[0].run.run_id == waiting[1]
    with QueuedRunCoordinatorDaemon(interval_seconds=1) as daemon:
        list(daemon.run_iteration(workspace))
    queued = {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]))}
    assert queued.isdisjoint(waiting[1:2])
    assert queued.issuperset((waiting[0], waiting[2]))
    assert not storage.prioritize(waiting[1], 5)  # it is started
    eventually(lambda: found(workspace, waiting[1]).status is dg.DagsterRunStatus.SUCCESS)


@pytest.mark.parametrize("trigger", ["yearly", "watcher"])
def test_schedules_and_sensors_are_switched_as_dagster_does(workspace: WorkspaceProcessContext, trigger: str) -> None:
    switch = DagsterTriggers(workspace)
    storage = DagsterInstanceStorage(workspace.instance, Registry([]))
    for on in (True, False, False, True):  # twice is as once
        switch.switch(trigger, on=on)
        assert storage.triggers({trigger: utc_now()})[trigger].running is on
    switch.switch(trigger, on=False)
    with pytest.raises(NotFound, match="Dagster has no schedule or sensor nobody"):
        switch.switch("nobody", on=True)


def test_a_schedule_says_again_what_it_asks_for_at_a_moment(
    workspace: WorkspaceProcessContext, runner: QueueRunner
) -> None:
    triggers, at = DagsterTriggers(workspace), datetime(2026, 1, 1, tzinfo=UTC)
    [launch] = triggers.launches("yearly", at)
    assert (launch.job, launch.config) == ("counting", COUNTING.config)
    run = found(workspace, runner.submit(launch, requested_by="pause 1"))
    assert run.tags["site/at"] == at.isoformat()
    assert run.tags["dagster/schedule_name"] == "yearly"
    with pytest.raises(NotFound, match="Dagster has no schedule nobody"):
        triggers.launches("nobody", at)


def test_a_partition_is_added_before_its_run(workspace: WorkspaceProcessContext, runner: QueueRunner) -> None:
    launch = Launch("small_job", partition="2026-10|new", dynamic_partitions={"site_project": ("new",)})
    run = found(workspace, runner.submit(launch, requested_by="ann"))
    assert run.tags["dagster/partition"] == "2026-10|new"
    assert (run.tags["dagster/partition/month"], run.tags["dagster/partition/project"]) == ("2026-10", "new")
    assert "new" in workspace.instance.get_dynamic_partitions("site_project")


def test_a_range_of_partitions_is_one_run(workspace: WorkspaceProcessContext, runner: QueueRunner) -> None:
    ends = ("2026-09|new", "2026-10|new")
    launch = Launch("small_job", partition_range=ends, dynamic_partitions={"site_project": ("new",)})
    run = found(workspace, runner.submit(launch, requested_by="ann"))
    assert run.tags["dagster/asset_partition_range_start"] == ends[0]
    assert run.tags["dagster/asset_partition_range_end"] == ends[1]
    assert "dagster/partition" not in run.tags


def test_one_id_is_one_run_however_often_it_is_asked_for(
    workspace: WorkspaceProcessContext, runner: QueueRunner
) -> None:
    run_id = str(uuid4())
    asked: list[str] = []
    racers = [
        threading.Thread(target=lambda: asked.append(runner.submit(COUNTING, requested_by="ann", run_id=run_id)))
        for _ in range(4)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert asked == [run_id] * 4
    assert found(workspace, run_id).status is dg.DagsterRunStatus.QUEUED
    enqueued = workspace.instance.all_logs(run_id, of_type=dg.DagsterEventType.PIPELINE_ENQUEUED)
    assert len(enqueued) == 1


def test_a_run_that_was_created_and_not_queued_is_queued_by_the_next_call(
    workspace: WorkspaceProcessContext, runner: QueueRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = str(uuid4())

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(dg.DagsterInstance, "submit_run", killed)
        with pytest.raises(KeyboardInterrupt):
            runner.submit(COUNTING, requested_by="ann", run_id=run_id)
    assert found(workspace, run_id).status is dg.DagsterRunStatus.NOT_STARTED
    assert runner.submit(COUNTING, requested_by="ann", run_id=run_id) == run_id
    assert found(workspace, run_id).status is dg.DagsterRunStatus.QUEUED


@pytest.mark.parametrize(
    ("launch", "failure", "sentence"),
    [
        (Launch("nothing"), NotFound, "Dagster has no job nothing"),
        (Launch("counting"), InvalidInput, "config of counting: Missing required config entry"),
        (Launch("counting", "2026-10", config=COUNTING.config), InvalidInput, "counting has no partitions"),
        (Launch("small_job", "2026-10|nobody"), InvalidInput, r"small_job has no partition 2026-10\|nobody"),
        (Launch("small_job", "2026-13|new"), InvalidInput, r"small_job has no partition 2026-13\|new"),
        (Launch("small_job", "nonsense"), InvalidInput, "small_job has no partition nonsense"),
    ],
)
def test_what_cannot_be_launched_is_said(
    runner: QueueRunner, launch: Launch, failure: type[InvalidInput], sentence: str
) -> None:
    with pytest.raises(failure, match=sentence):
        runner.submit(launch, requested_by="ann")


def test_a_queued_run_is_cancelled_at_once(workspace: WorkspaceProcessContext, runner: QueueRunner) -> None:
    run_id = runner.submit(COUNTING, requested_by="ann")
    runner.cancel(run_id, requested_by="bob")
    assert found(workspace, run_id).status is dg.DagsterRunStatus.CANCELED
    messages = [entry.message for entry in workspace.instance.all_logs(run_id)]
    assert any("Cancelled by bob." in message for message in messages)
    with pytest.raises(Conflict, match="has already ended: CANCELED"):
        runner.cancel(run_id, requested_by="bob")
    with pytest.raises(NotFound, match="does not exist"):
        runner.cancel(str(uuid4()), requested_by="bob")


def test_a_run_of_a_command_line_is_not_cancelled_here(
    workspace: WorkspaceProcessContext, runner: QueueRunner
) -> None:
    launch = Launch("counting", config=COUNTING.config, tags={WORKER_TAG: "host/1/2/3"})
    run_id = runner.submit(launch, requested_by="ann")
    with pytest.raises(Conflict, match="belongs to a command line"):
        runner.cancel(run_id, requested_by="bob")


def test_a_dead_process_is_told_at_the_second_look(
    site: Site, workspace: WorkspaceProcessContext, runner: QueueRunner
) -> None:
    """A look that finds a code server to retry on: with none there, or on another machine, all is taken for well."""
    instance, launcher = workspace.instance, workspace.instance.run_launcher
    run_id = runner.submit(COUNTING, requested_by="ann")
    with subprocess.Popen(["sleep", "60"]) as process:
        told = f"Started process for run (pid: {process.pid})."
        instance.report_engine_event(told, found(workspace, run_id))
        for host, port in (("127.0.0.1", site.code_port), ("127.0.0.1", 1), ("192.0.2.1", site.code_port)):
            instance.add_run_tags(run_id, {GRPC_INFO_TAG: json.dumps({"host": host, "port": port})})
            assert looks(launcher, found(workspace, run_id), 3) == ["RUNNING"] * 3
        process.kill()
        process.wait()
        for host, port in (("127.0.0.1", 1), ("192.0.2.1", site.code_port)):
            instance.add_run_tags(run_id, {GRPC_INFO_TAG: json.dumps({"host": host, "port": port})})
            assert looks(launcher, found(workspace, run_id), 3) == ["RUNNING"] * 3
        instance.add_run_tags(run_id, {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": site.code_port})})
        assert looks(launcher, found(workspace, run_id), 2) == ["RUNNING", "FAILED"]


def looks(launcher: RunLauncher, run: dg.DagsterRun, times: int) -> list[str]:
    return [launcher.check_run_worker_health(run).status.value for _ in range(times)]


def test_a_process_with_the_number_of_a_dead_one_is_another() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert run_launcher._alive(process.pid, time.time())
        assert not run_launcher._alive(process.pid, time.time() - 3600)
        process.kill()
    assert not run_launcher._alive(process.pid, time.time())


def test_a_run_whose_code_server_was_replaced_is_cancelled(
    site: Site, workspace: WorkspaceProcessContext, runner: QueueRunner
) -> None:
    """The new server does not know the run; its process is interrupted all the same."""
    instance = workspace.instance
    run_id = runner.submit(replace(COUNTING, tags={"dagster/max_retries": "2"}), requested_by="ann")
    with subprocess.Popen(["sleep", "60"]) as process:
        run = found(workspace, run_id)
        instance.report_engine_event(f"Started process for run (pid: {process.pid}).", run)
        instance.add_run_tags(run_id, {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": site.code_port})})
        begun = dg.DagsterEvent(DagsterEventType.RUN_START.value, run.job_name)
        instance.report_dagster_event(begun, run_id)
        runner.cancel(run_id, requested_by="bob")
        assert process.wait(PATIENCE) == -signal.SIGINT
    assert found(workspace, run_id).status is dg.DagsterRunStatus.CANCELING
    instance.report_run_failed(found(workspace, run_id))
    assert found(workspace, run_id).tags.get("dagster/will_retry") != "true"


def test_a_run_that_is_cancelled_while_it_starts_is_not_tried_again(
    workspace: WorkspaceProcessContext, runner: QueueRunner
) -> None:
    """Its process may begin with it all the same, and call its interruption a failure."""
    instance = workspace.instance
    run_id = runner.submit(replace(COUNTING, tags={"dagster/max_retries": "2"}), requested_by="ann")
    with workspace.create_request_context() as context:
        instance.launch_run(run_id, context)
    runner.cancel(run_id, requested_by="bob")

    def exited() -> bool:
        events = instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT)
        return any("Process for run exited" in (event.message or "") for event in events)

    eventually(lambda: exited() and found(workspace, run_id).is_finished)
    assert found(workspace, run_id).status is not dg.DagsterRunStatus.SUCCESS
    assert found(workspace, run_id).tags.get("dagster/will_retry") != "true"


def test_a_retry_that_the_daemon_forgot_is_started_once(
    site: Site, workspace: WorkspaceProcessContext, runner: QueueRunner
) -> None:
    instance, job = workspace.instance, COUNTING.job
    lost = runner.submit(COUNTING, requested_by="ann")
    instance.report_run_failed(found(workspace, lost))
    assert runner.retry_forgotten(ended_before=utc_now() - timedelta(minutes=1)) == 0  # the daemon still has its time
    assert runner.retry_forgotten(ended_before=utc_now()) == 1
    [again] = instance.get_runs(dg.RunsFilter(job_name=job, tags={"dagster/parent_run_id": lost}))
    assert (again.status, again.tags["dagster/retry_number"]) == (dg.DagsterRunStatus.QUEUED, "1")
    assert runner.retry_forgotten(ended_before=utc_now()) == 0
    assert len(instance.get_runs(dg.RunsFilter(tags={"dagster/parent_run_id": lost}))) == 1


def test_a_retry_that_cannot_be_is_given_up(workspace: WorkspaceProcessContext, runner: QueueRunner) -> None:
    """Without the promise its dead letter is written at once."""
    instance = workspace.instance
    run_id = instance.create_run_for_job(dg.GraphDefinition("gone").to_job()).run_id
    instance.add_run_tags(run_id, {"dagster/max_retries": "1"})
    instance.report_run_failed(found(workspace, run_id))
    assert found(workspace, run_id).tags["dagster/will_retry"] == "true"
    assert runner.retry_forgotten(ended_before=utc_now()) == 0
    assert found(workspace, run_id).tags["dagster/will_retry"] == "false"


@pytest.mark.faults
def test_a_killed_code_server_is_a_passing_failure_and_is_met_again(
    site: Site, workspace: WorkspaceProcessContext, runner: QueueRunner
) -> None:
    before = workspace.get_current_workspace().code_location_entries["batch_platform"].version_key
    workspace.instance.report_run_failed(found(workspace, runner.submit(COUNTING, requested_by="ann")))
    site.processes["code-server"].stop(signal.SIGKILL)
    eventually(lambda: not site.code_server_answers())
    with pytest.raises(TransientFailure, match=r"does not answer|is not loaded"):
        runner.submit(COUNTING, requested_by="ann")
    with pytest.raises(TransientFailure, match=r"does not answer|is not loaded"):
        runner.retry_forgotten(ended_before=utc_now())
    site.start_code_server()
    run_id = eventually(lambda: submitted(runner))
    assert found(workspace, run_id).status is dg.DagsterRunStatus.QUEUED
    entries = workspace.get_current_workspace
    eventually(lambda: entries().code_location_entries["batch_platform"].version_key != before)
    assert runner.retry_forgotten(ended_before=utc_now()) == 1


def submitted(runner: QueueRunner) -> str | None:
    try:
        return runner.submit(COUNTING, requested_by="ann")
    except TransientFailure:
        return None

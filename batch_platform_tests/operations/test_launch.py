"""Jobs run in the caller's process: what stands in Dagster afterwards, and what the caller is told."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import dagster as dg
import pytest

from batch_platform.core import aws, workers
from batch_platform.core.failures import InvalidInput, PermanentFailure
from batch_platform.definitions import build_definitions
from batch_platform.finops.dagster.partitions import PROJECTS, partition_key
from batch_platform.local.provision import provision
from batch_platform.operations.dagster.launch import WORKER_TAG, Launcher
from batch_platform.settings import Settings
from batch_platform_tests.end_to_end.machine import ended_months, month_files
from batch_platform_tests.finops.bucket import CurBucket, File


@pytest.fixture(scope="module")
def launcher(services: dict[str, str], settings: Settings) -> Launcher:
    provision(settings, services)
    return Launcher(build_definitions(settings))


@pytest.fixture
def project(services: dict[str, str], settings: Settings, launcher: Launcher) -> Iterator[tuple[str, CurBucket]]:
    """A project whose bucket is empty; polled by no other test afterwards."""
    from batch_platform.finops import service
    from batch_platform.finops.model import Connection
    from batch_platform.finops.opening import open_context

    bucket = CurBucket(aws.client("s3", settings), settings.aws_region)
    project_id = f"launched-{uuid4().hex[:8]}"
    place = (project_id, project_id, bucket.name, bucket.prefix, bucket.report, settings.aws_region)
    launcher.instance.add_dynamic_partitions(PROJECTS.name or "", [project_id])
    with open_context(settings) as context:
        service.add_project(context, Connection(*place))
        yield project_id, bucket
        service.add_project(context, Connection(*place, enabled=False))


def test_a_run_stands_in_dagster_as_any_other(launcher: Launcher, project: tuple[str, CurBucket]) -> None:
    project_id, bucket = project
    [month] = ended_months(1)
    bucket.deliver(month, month_files(month, account=f"{uuid4().int % 10**12:012d}")[0])
    key = partition_key(project_id, month)
    ended = launcher.run("cur_month", partition=key, tags={"asked-by": "a test"})
    assert (ended.success, ended.reason, ended.job) == (True, None, "cur_month")

    run = launcher.instance.get_run_by_id(ended.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert run.tags["asked-by"] == "a test"
    assert not workers.is_dead(run.tags[WORKER_TAG])
    for name in ("cur_manifest", "cur_line_items", "cost_summary", "cost_service_monthly", "cost_forecast"):
        records = launcher.instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(["finops", name]), asset_partitions=[key]), limit=5
        ).records
        assert [record.run_id for record in records] == [ended.run_id]


def test_a_range_is_one_run(launcher: Launcher, project: tuple[str, CurBucket]) -> None:
    project_id, bucket = project
    months = ended_months(3)
    for month in months[1:]:
        bucket.deliver(month, month_files(month, account=f"{uuid4().int % 10**12:012d}")[0])
    keys = [partition_key(project_id, month) for month in months]
    ended = launcher.run("cur_fetch", partition_range=(keys[0], keys[-1]))
    assert ended.success
    records = launcher.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=dg.AssetKey(["finops", "cur_manifest"]), asset_partitions=keys), limit=10
    ).records
    events = {record.partition_key: record.asset_materialization for record in records}
    told = {key: event.metadata["status"].value for key, event in events.items() if event}
    assert told == {keys[0]: "absent", keys[1]: "registered", keys[2]: "registered"}
    assert {record.run_id for record in records} == {ended.run_id}


def test_a_failed_run_gives_its_sentence(launcher: Launcher, project: tuple[str, CurBucket]) -> None:
    project_id, bucket = project
    [month] = ended_months(1)
    (key,) = bucket.deliver(month, [File(b"")])
    ended = launcher.run("cur_month", partition=partition_key(project_id, month))
    assert not ended.success
    assert ended.reason is not None
    assert ended.reason.startswith(f"{project_id} {month:%Y-%m} is not published: {bucket.uri(key)}: ")
    with pytest.raises(PermanentFailure, match="is not published"):
        ended.require_success()
    run = launcher.instance.get_run_by_id(ended.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_runs_of_dead_processes_are_ended_and_others_left_alone(launcher: Launcher) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    mine = workers.worker_name()
    host, pid, _, rest = mine.split("/")
    dead_worker = "/".join([host, str(process.pid), "1", rest])
    elsewhere = "/".join(["another-machine", pid, "1", rest])
    job = launcher.definitions.resolve_job_def("cur_fetch")
    runs = {
        name: launcher.instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
        for name, tags in {
            "dead": {WORKER_TAG: dead_worker},
            "alive": {WORKER_TAG: mine},
            "elsewhere": {WORKER_TAG: elsewhere},
            "daemon's": {},
        }.items()
    }
    try:
        assert launcher.end_dead_runs() == 1
        statuses = {name: launcher.instance.get_run_by_id(run.run_id) for name, run in runs.items()}
        assert {name: run.status.value for name, run in statuses.items() if run} == {
            "dead": "FAILURE",
            "alive": "STARTED",
            "elsewhere": "STARTED",
            "daemon's": "STARTED",
        }
        assert launcher.end_dead_runs() == 0
    finally:
        for run in runs.values():
            launcher.instance.delete_run(run.run_id)


def test_without_a_dagster_home_the_variable_is_named(
    services: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    with pytest.raises(InvalidInput, match="DAGSTER_HOME is not set") as caught:
        Launcher(dg.Definitions())
    assert caught.value.field == "DAGSTER_HOME"

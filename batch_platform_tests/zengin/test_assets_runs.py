"""The assets, sensor and schedules as Dagster runs them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dagster as dg
import pytest

from batch_platform.core import postgres
from batch_platform.operations.model import JOB_TAG, PARAMETERS_TAG, JobParameters
from batch_platform.registry import build_registry
from batch_platform.resources import build_resources
from batch_platform.settings import Settings
from batch_platform.zengin import service
from batch_platform.zengin.dagster import assets, definitions
from batch_platform.zengin.dagster.resource import ZenginResource
from batch_platform.zengin.model import ChangesetStatus
from batch_platform_tests.zengin.workflow import ANN, BEN, SMALL, release, written

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ALL = [assets.zengin_snapshot, assets.zengin_diff, assets.zengin_apply, assets.bank_master]


@pytest.fixture(scope="module")
def repository(settings: Settings) -> dg.RepositoryDefinition:
    return definitions.DAGSTER.definitions(settings, build_resources(settings)).get_repository_def()


@pytest.fixture
def zengin(
    provisioned: Settings, pool: postgres.Pool, table: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ZenginResource]:
    """The resource on a table of the test's own."""
    monkeypatch.setattr(service, "build_context", partial(service.build_context, table=table))
    database = build_resources(provisioned)["postgres"]
    yield ZenginResource(postgres=database)
    database.teardown_after_execution(dg.build_init_resource_context())


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def materialize(
    zengin: ZenginResource, instance: dg.DagsterInstance, day: date, selected: list[Any], config: Any = None
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        ALL,
        selection=[asset.key for asset in selected],
        resources={"zengin": zengin},
        instance=instance,
        partition_key=day.isoformat(),
        run_config={"ops": {"zengin__zengin_snapshot": {"config": config}}} if config else None,
    )


def test_a_release_becomes_the_master_by_runs(
    zengin: ZenginResource, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    day = date(2026, 11, 10)
    source = {"source": written(tmp_path / "release", release(SMALL)), "bootstrap": True}
    intake = materialize(zengin, instance, day, ALL[:2], source)
    [snapshot] = intake.asset_materializations_for_node("zengin__zengin_snapshot")
    assert snapshot.metadata["branches"].value == 5
    evaluated = {one.check_name: one.passed for one in intake.get_asset_check_evaluations()}
    assert set(evaluated) == set(service.INGEST_CHECKS)
    assert all(evaluated.values())
    [compared] = intake.asset_materializations_for_node("zengin__zengin_diff")
    assert compared.metadata["verdict"].value == "accepted"
    assert len(compared.metadata["riskiest"].value.records) == 8  # type: ignore[union-attr]
    with zengin.open_context() as context:
        changeset = service.changeset(context, str(compared.metadata["changeset"].value))
        for account in (ANN, BEN)[: changeset.needs_approvals]:
            service.approve_changeset(
                context, changeset.id, by=account, payload_hash=changeset.payload_hash, count=changeset.counts["rows"]
            )
    applied = materialize(zengin, instance, day, ALL[2:])
    [shown] = applied.asset_materializations_for_node("zengin__zengin_apply")
    assert shown.metadata["dagster/row_count"].value == len(SMALL)
    [master] = applied.asset_materializations_for_node("zengin__bank_master")
    assert master.metadata["banks"].value == 3
    assert "data:image/png;base64," in str(master.metadata["changes over time"].value)
    checked = {one.check_name: one.passed for one in applied.get_asset_check_evaluations()}
    assert checked == dict.fromkeys(service.MASTER_CHECKS, True)


def test_a_day_without_a_drop_is_empty_and_no_failure(zengin: ZenginResource, instance: dg.DagsterInstance) -> None:
    assert materialize(zengin, instance, date(2020, 1, 1), ALL).success


def test_the_sensor_asks_for_one_drop_at_a_time_oldest_first(
    zengin: ZenginResource, instance: dg.DagsterInstance, s3: S3Client, repository: dg.RepositoryDefinition
) -> None:
    mark = uuid4().hex[:8]
    keys = [f"incoming/{mark}/zengin_code-1.1.0.{day}.zip" for day in ("20260112", "20260105")]
    for key in keys:
        s3.put_object(Bucket="local-zengin-diff-data", Key=key, Body=_zipped(release(SMALL)))
    try:
        cursor, asked = None, []
        while True:
            with dg.build_sensor_context(
                instance=instance,
                cursor=cursor,
                resources={"zengin": zengin, "postgres": zengin.postgres},
                repository_def=repository,
            ) as context:
                tick = repository.get_sensor_def("zengin_drop_sensor").evaluate_tick(context)
            cursor = tick.cursor
            if not tick.run_requests:
                break
            [request] = tick.run_requests
            asked.append(request)
    finally:
        for key in keys:
            s3.delete_object(Bucket="local-zengin-diff-data", Key=key)
    ours = [request for request in asked if mark in str(request.run_key)]
    assert [request.partition_key for request in ours] == ["2026-01-05", "2026-01-12"]
    [config] = {json.dumps(ours[0].run_config)}
    assert f"{mark}/zengin_code-1.1.0.20260105.zip" in config
    # as a person's would be
    assert ours[0].tags[JOB_TAG] == "zengin-diff"
    assert json.loads(ours[0].tags[PARAMETERS_TAG]) == {"targetDate": "2026-01-05"}


def test_the_apply_is_due_at_23_in_tokyo_for_that_day_and_launched_as_by_hand(
    settings: Settings, pool: postgres.Pool, instance: dg.DagsterInstance, repository: dg.RepositoryDefinition
) -> None:
    at = datetime(2026, 11, 20, 14, 0, tzinfo=UTC)
    resources = {"zengin": None, "postgres": build_resources(settings)["postgres"]}
    schedule = repository.get_schedule_def("zengin_apply_schedule")
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=repository, resources=resources
    ) as context:
        [request] = schedule.evaluate_tick(context).run_requests or []
    assert (request.run_key, request.partition_key) == ("2026-11-20", "2026-11-20")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 23 * * *", "Asia/Tokyo")
    job = build_registry(settings).get("zengin-apply")
    by_hand = job.launch(pool, JobParameters(target_date=date(2026, 11, 20)), at)
    assert by_hand.partition == request.partition_key
    assert by_hand.tags.items() <= request.tags.items()
    assert by_hand.tags[PARAMETERS_TAG] == '{"targetDate": "2026-11-20"}'


@pytest.mark.parametrize("dry_run", [False, True])
def test_every_job_of_the_registry_launches_a_dagster_job_that_is_there(settings: Settings, dry_run: bool) -> None:
    built = definitions.DAGSTER.definitions(settings, build_resources(settings))
    names = {job.name for job in built.jobs or []}
    registered = [job.entry for job in definitions.DAGSTER.jobs(settings)]
    assert [job.name for job in registered] == [
        *("zengin-snapshot", "zengin-diff", "zengin-apply", "zengin-sweep", "zengin-retention")
    ]
    now = datetime(2026, 11, 20, 3, tzinfo=UTC)
    for job in registered:
        launch = job.launch(None, job.parameters(dry_run=dry_run), now)  # type: ignore[arg-type]
        assert launch.job in names
        assert launch.job.endswith("_dry_run") is dry_run
    assert {name for job in registered for name in job.dagster_jobs} <= names
    assert build_registry(settings)


def test_dry_runs_end_with_a_table(
    zengin: ZenginResource, instance: dg.DagsterInstance, tmp_path: Path, settings: Settings
) -> None:
    source = written(tmp_path / "release", release(SMALL))
    with zengin.open_context() as context:
        day = context.business_date().isoformat()
    config = {"ops": {"rehearse_snapshot": {"config": {"date": day, "source": source, "bootstrap": True}}}}
    built = {job.name: job for job in definitions.DAGSTER.definitions(settings, build_resources(settings)).jobs or []}
    for name, run_config in (
        ("zengin_snapshot_dry_run", config),
        ("zengin_apply_dry_run", {}),
        ("zengin_sweep_dry_run", {}),
    ):
        job = built[name]
        assert isinstance(job, dg.JobDefinition)
        ended = job.execute_in_process(instance=instance, resources={"zengin": zengin}, run_config=run_config)
        [output] = [event for event in ended.all_events if event.is_successful_output]
        assert "summary" in output.event_specific_data.metadata  # type: ignore[union-attr]
    with zengin.open_context() as context:
        assert service.changesets(context, ChangesetStatus.PENDING) == ([], None)


def _zipped(files: dict[str, Any]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as packed:
        for name, content in files.items():
            packed.writestr(f"zengin_code/source-data/data/{name}", json.dumps(content, ensure_ascii=False))
    return body.getvalue()

"""Runs as ECS tasks, against an ECS that records what it is asked: no container is started here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRun, DagsterRunStatus
from dagster._core.test_utils import create_run_for_test

from batch_platform.core.failures import InvalidInput, PermanentFailure
from batch_platform.local import aws
from batch_platform.local.home import Home
from batch_platform.local.processes import free_port
from batch_platform.operations.dagster.ecs_run_launcher import DomainEcsRunLauncher, domain_of
from batch_platform.operations.dagster.instance import dagster_yaml
from batch_platform.operations.model import DOMAIN_TAG
from batch_platform.settings import Settings, load_settings
from batch_platform_tests.databases import of_dagster
from batch_platform_tests.waiting import eventually

_LONGEST_OVERRIDES = 8_192  # characters, says RunTask's documentation
_PLACE = {
    "BATCH_PLATFORM_LAUNCHER": "ecs",
    "BATCH_PLATFORM_ECS_CLUSTER": "local-batch-platform",
    "BATCH_PLATFORM_ECS_SUBNETS": "subnet-0a,subnet-0b",
    "BATCH_PLATFORM_ECS_SECURITY_GROUPS": "sg-0a",
}


@dg.op
def nothing() -> None: ...


@dg.job(tags={DOMAIN_TAG: "finops"})
def month() -> None:
    nothing()


@pytest.fixture(scope="module")
def ecs(tmp_path_factory: pytest.TempPathFactory, services: dict[str, str]) -> Iterator[Any]:
    """A client of an ECS with the task definitions of two domains."""
    home = Home(tmp_path_factory.mktemp("ecs")).create()
    program = aws.ministack(home, free_port())
    process = replace(program, environment={**program.environment, "SERVICES": "ecs,ec2,logs,secretsmanager"}).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_ECS", aws.url(program.port))
        patch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
        try:
            eventually(program.ready)
            client = boto3.client("ecs", region_name="ap-northeast-1")
            client.create_cluster(clusterName=_PLACE["BATCH_PLATFORM_ECS_CLUSTER"])
            for domain in ("finops", "btc"):
                client.register_task_definition(
                    family=f"local-run-{domain}",
                    containerDefinitions=[{"name": "run", "image": "batch-platform:1", "memory": 512}],
                )
            yield client
        finally:
            process.stop()


@pytest.fixture
def instance(
    ecs: Any, databases: tuple[str, str], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of the settings' `ecs`, as the file in DAGSTER_HOME makes it."""
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", of_dagster(databases[1]))
    for name, value in _PLACE.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "dagster.yaml").write_text(dagster_yaml(load_settings()))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        yield instance


def run_of(instance: dg.DagsterInstance, **fields: Any) -> DagsterRun:
    origin = dg.reconstructable(month).get_python_origin()
    status = DagsterRunStatus.STARTED
    run = create_run_for_test(instance, job_name="month", job_code_origin=origin, status=status, **fields)
    assert isinstance(run, DagsterRun)
    return run


def test_a_run_is_a_task_of_its_domain(instance: dg.DagsterInstance, ecs: Any, databases: tuple[str, str]) -> None:
    launcher = instance.run_launcher
    assert isinstance(launcher, DomainEcsRunLauncher)
    run = run_of(instance, tags=dict(month.tags))
    launcher.launch_run(LaunchRunContext(run, workspace=None))

    launched = instance.get_run_by_id(run.run_id)
    assert launched is not None
    arn, cluster = launched.tags["ecs/task_arn"], launched.tags["ecs/cluster"]
    [task] = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
    assert ":task-definition/local-run-finops:" in task["taskDefinitionArn"]
    assert cluster.endswith("/local-batch-platform")
    overrides = json.dumps(task["overrides"])
    assert run.run_id in overrides
    assert len(overrides) < _LONGEST_OVERRIDES
    assert databases[1] not in overrides  # the database's address, with its password, is a variable of the task
    assert launcher.check_run_worker_health(launched).status is WorkerStatus.RUNNING

    assert launcher.terminate(run.run_id)
    [stopped] = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
    assert stopped["lastStatus"] == "STOPPED"
    ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status is DagsterRunStatus.CANCELING


def test_chosen_assets_say_whose_a_run_is(instance: dg.DagsterInstance) -> None:
    plan, costs = dg.AssetKey(["btc", "plan"]), dg.AssetKey(["finops", "costs"])
    assert domain_of(DagsterRun(job_name="x", asset_selection=frozenset({plan}))) == "btc"
    for chosen in ({plan, costs}, set()):
        with pytest.raises(PermanentFailure, match="no single domain"):
            domain_of(DagsterRun(job_name="x", asset_selection=frozenset(chosen)))


@pytest.mark.parametrize("missing", sorted(_PLACE.keys() - {"BATCH_PLATFORM_LAUNCHER"}))
def test_tasks_have_a_place(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _PLACE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(missing)
    with pytest.raises(InvalidInput, match=f"{missing} is not set"):
        load_settings()


def test_a_place_is_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_PLATFORM_ECS_SUBNETS", "subnet-1], x: [y")
    with pytest.raises(InvalidInput, match="BATCH_PLATFORM_ECS_SUBNETS"):
        load_settings()

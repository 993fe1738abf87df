"""The graph as Dagster sees it, against a snapshot that reads as a table of contents.

A wanted change is written into the snapshot by

    UPDATE_SNAPSHOTS=1 python -m pytest batch_platform_tests/test_definitions.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from batch_platform import domains
from batch_platform.definitions import build_definitions
from batch_platform.registry import build_registry
from batch_platform.settings import load_settings

SNAPSHOT = Path(__file__).parent / "data" / "definitions.json"


@pytest.fixture
def definitions(clean_environment: None) -> dg.Definitions:
    return build_definitions(load_settings())


def specs(definitions: dg.Definitions) -> list[dg.AssetSpec]:
    return sorted(definitions.resolve_all_asset_specs(), key=lambda spec: spec.key)


def described(definitions: dg.Definitions) -> dict[str, Any]:
    """What users and operators see of the graph, by name."""
    repository = definitions.get_repository_def()
    graph = repository.asset_graph
    return {
        "assets": {spec.key.to_user_string(): _asset(spec, graph) for spec in specs(definitions)},
        "checks": {
            f"{key.asset_key.to_user_string()}:{key.name}": _check(graph.get_check_spec(key))
            for key in sorted(graph.asset_check_keys, key=str)
        },
        "jobs": {
            job.name: {
                "assets": sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys),
                "tags": dict(sorted(job.tags.items())),
                "executor": job.executor_def.name,
                "pools": sorted({pool for node in job.all_node_defs for pool in getattr(node, "pools", ()) or ()}),
            }
            for job in sorted(repository.get_all_jobs(), key=lambda job: job.name)
            if not job.name.startswith("__")
        },
        "sensors": {
            sensor.name: {
                "default_status": sensor.default_status.value,
                "minimum_interval_seconds": sensor.minimum_interval_seconds,
                "jobs": sorted(job.name for job in sensor.jobs),
            }
            for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name)
        },
        "schedules": schedules(definitions),
        "resources": sorted(definitions.resources or {}),
    }


def schedules(definitions: dg.Definitions) -> dict[str, Any]:
    return {
        schedule.name: {
            "cron": schedule.cron_schedule,
            "timezone": schedule.execution_timezone,
            "default_status": schedule.default_status.value,
            "job": schedule.job_name,
        }
        for schedule in sorted(definitions.get_repository_def().schedule_defs, key=lambda schedule: schedule.name)
    }


def _asset(spec: dg.AssetSpec, graph: Any) -> dict[str, Any]:
    node = graph.get(spec.key)
    partitions = node.partitions_def
    return {
        "group": spec.group_name,
        "owners": list(spec.owners),
        "kinds": sorted(spec.kinds),
        "described": bool(spec.description),
        "skippable": spec.skippable,
        "upstream": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "partitions": None if partitions is None else _partitions(partitions),
        "backfill": None if node.backfill_policy is None else node.backfill_policy.policy_type.value,
        "pools": sorted(node.pools or ()),
    }


def _partitions(partitions: dg.PartitionsDefinition) -> str:
    if isinstance(partitions, dg.MultiPartitionsDefinition):
        return " × ".join(f"{d.name}: {_partitions(d.partitions_def)}" for d in partitions.partitions_defs)
    if isinstance(partitions, dg.DynamicPartitionsDefinition):
        return f"dynamic {partitions.name}"
    if isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        first = partitions.start.strftime(partitions.fmt)
        return f"{partitions.cron_schedule} {partitions.timezone} from {first} end_offset {partitions.end_offset}"
    return type(partitions).__name__


def _check(spec: dg.AssetCheckSpec) -> dict[str, Any]:
    return {"blocking": spec.blocking, "described": bool(spec.description)}


def test_the_graph_is_as_the_snapshot_says(definitions: dg.Definitions) -> None:
    found = json.loads(json.dumps(described(definitions)))
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    assert found == json.loads(SNAPSHOT.read_text())


def test_every_asset_says_whose_and_what_it_is(definitions: dg.Definitions) -> None:
    bare = {
        f"{spec.key.to_user_string()} has no {field}"
        for spec in specs(definitions)
        for field in ("owners", "group_name", "kinds", "description")
        if not getattr(spec, field)
    }
    assert bare == set()
    without = {domain.name for domain in domains.DOMAINS if domain.dagster} - {
        spec.key.path[0] for spec in specs(definitions)
    }
    assert without == set()
    assert all(spec.group_name == spec.key.path[0] for spec in specs(definitions))


def test_every_asset_is_partitioned_and_backfilled_in_one_run(definitions: dg.Definitions) -> None:
    for asset in definitions.assets or []:
        assert isinstance(asset, dg.AssetsDefinition)
        assert asset.partitions_def is not None
        assert asset.backfill_policy == dg.BackfillPolicy.single_run()
        # how often a step is tried again is said once, by the job's RetryConfig
        assert asset.op.retry_policy is None


def test_checks_of_the_money_block_and_stand_where_it_is_published(definitions: dg.Definitions) -> None:
    (publisher,) = [
        asset
        for asset in definitions.assets or []
        if isinstance(asset, dg.AssetsDefinition) and dg.AssetKey(["finops", "cost_summary"]) in asset.keys
    ]
    blocking = {spec.name for spec in publisher.check_specs if spec.blocking}
    assert blocking == {
        "amortisation_identity",
        "groups_equal_rows",
        "money_cells_readable",
        "accounts_in_one_project",
    }


def test_everything_validates_as_the_processes_load_it(clean_environment: None) -> None:
    from batch_platform import definitions as module

    dg.Definitions.validate_loadable(module.defs())


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ("STOPPED", "0 * * * *", "15 * * * *")),
        ({"CUR_BATCH_SCHEDULER_ENABLED": "false"}, ("STOPPED", "0 * * * *", "15 * * * *")),
        ({"CUR_BATCH_SCHEDULER_ENABLED": "true"}, ("RUNNING", "0 * * * *", "15 * * * *")),
        (
            {
                "CUR_BATCH_SCHEDULER_ENABLED": "true",
                "CUR_FETCH_CRON": "*/10 * * * *",
                "CUR_AGGREGATE_CRON": "30 6 * * 1-5",
            },
            ("RUNNING", "*/10 * * * *", "30 6 * * 1-5"),
        ),
    ],
)
def test_schedules_follow_the_environment(
    variables: Mapping[str, str],
    expected: tuple[str, str, str],
    clean_environment: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("CUR_BATCH_SCHEDULER_ENABLED", "CUR_FETCH_CRON", "CUR_AGGREGATE_CRON"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    status, fetch, aggregate = expected
    every = schedules(build_definitions(load_settings()))
    in_utc = {name for name, schedule in every.items() if schedule["timezone"] != "Asia/Tokyo"}
    assert in_utc == {name for name in every if name.startswith("trading_")}
    found = {name: schedule for name, schedule in every.items() if name.startswith("cur_")}
    assert {schedule["default_status"] for schedule in found.values()} == {status}
    assert {name: schedule["cron"] for name, schedule in found.items()} == {
        "cur_fetch_schedule": fetch,
        "cur_aggregate_schedule": aggregate,
    }


@pytest.mark.parametrize(
    ("command", "variable"),
    [
        (["-m", "batch_platform.server"], "CUR_FETCH_CRON"),
        (["-m", "batch_platform.server"], "BTC_ADJUSTMENT_CRON"),
        (["-c", "from batch_platform.cli import main; main()", "up"], "CUR_AGGREGATE_CRON"),
    ],
)
def test_a_broken_cron_stops_every_start_in_one_line_by_name(
    command: list[str], variable: str, clean_environment: None
) -> None:
    given = {**os.environ, variable: "every hour", "BTC_ADJUSTMENT_RATE": "5"}
    started = subprocess.run([sys.executable, *command], env=given, capture_output=True, text=True, check=False)
    assert started.returncode == 2
    [line] = started.stderr.splitlines()
    assert line.startswith(f"error: {variable}: not a cron expression")


def test_overrides_replace_resources_by_name(clean_environment: None) -> None:
    replaced = build_definitions(load_settings(), postgres="another")
    assert (replaced.resources or {})["postgres"] == "another"


def test_secrets_are_in_no_configured_value(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster's UI shows every configured value of a resource."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hidden-secret@127.0.0.1:5432/x")
    built = build_definitions(load_settings())
    configured = [resource.model_dump() for resource in (built.resources or {}).values()]
    assert len(configured) > 3
    assert "hidden-secret" not in str(configured)


def test_every_job_of_dagster_belongs_to_a_job_of_the_registry(definitions: dg.Definitions) -> None:
    """Else its runs would have no history, no alert and no dead letter."""
    registry = build_registry(load_settings())
    names = [job.name for job in definitions.jobs or []]
    assert [name for name in names if registry.of_run(name, {}) is None] == []
    launched = {name for job in registry for name in job.dagster_jobs}
    assert launched <= set(names)


def test_triggers_of_the_registry_exist(definitions: dg.Definitions) -> None:
    there = {one.name for one in [*(definitions.sensors or []), *(definitions.schedules or [])]}
    for variables in ({}, {"CUR_BATCH_SCHEDULER_ENABLED": "true"}):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            triggers = [trigger for job in build_registry(load_settings()) for trigger in job.triggers]
        assert {trigger.name for trigger in triggers} <= there

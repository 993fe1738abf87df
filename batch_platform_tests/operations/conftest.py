"""A world of its own for each test: empty tables, an empty Dagster storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml

from batch_platform import migrations
from batch_platform.settings import Settings
from batch_platform_tests.databases import empty_database, of_dagster
from batch_platform_tests.operations.world import OUTCOMES, World, build

TABLES = (
    "jobs, triggers, due_moments, job_runs, dead_letters, incidents, notifications, queues, marks, "
    "pauses, paused_moments, components, triage, comments"
)


@pytest.fixture(scope="package")
def databases(settings: Settings) -> Iterator[tuple[str, str]]:
    """URLs of two databases of this package's own: the application's, migrated, and Dagster's."""
    with empty_database(settings, "operations") as ours, empty_database(settings, "dagster") as dagster:
        migrations.upgrade(ours)
        yield ours, dagster


@pytest.fixture(scope="package")
def dagster_home(databases: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME whose instance retries lost workers and nothing else, as the platform's does."""
    home = tmp_path_factory.mktemp("dagster")
    config = {
        "storage": {"postgres": {"postgres_url": of_dagster(databases[1])}},
        "run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False},
        "telemetry": {"enabled": False},
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    return home


@pytest.fixture(scope="package")
def instance(dagster_home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(dagster_home)) as instance:
        # connections are kept, as in Dagster's webserver: a new one for each event costs most of a small run's time
        instance.optimize_for_webserver(statement_timeout=30_000, pool_recycle=3_600, max_overflow=20)
        yield instance


@pytest.fixture(scope="package")
def built(
    settings: Settings, databases: tuple[str, str], instance: dg.DagsterInstance, dagster_home: Path
) -> Iterator[World]:
    world = build(settings, databases[0], instance)
    world.variables = {"TEST_DATABASE": databases[0], "TEST_INSTANCE": str(dagster_home)}
    yield world
    world.ctx.pool.close()


@pytest.fixture
def world(built: World) -> World:
    built.instance.wipe()
    assert built.instance.schedule_storage is not None
    built.instance.schedule_storage.wipe()
    built.execute(f"TRUNCATE {', '.join(f'operations.{name}' for name in TABLES.split(', '))} RESTART IDENTITY")
    built.clock.shift *= 0
    OUTCOMES.clear()
    return built

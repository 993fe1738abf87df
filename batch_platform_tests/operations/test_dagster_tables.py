"""Dagster's tables on a real server: made whole in one step, also where a killed process left a part of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from dagster_postgres.storage import DagsterPostgresStorage

from batch_platform.core.failures import Conflict
from batch_platform.operations.dagster import tables as dagster_tables
from batch_platform.settings import Settings
from batch_platform_tests.databases import empty_database, of_dagster
from batch_platform_tests.forks import Fork
from batch_platform_tests.waiting import PATIENCE, eventually

BY_DAGSTER = "import sys; from dagster_postgres import storage; storage.DagsterPostgresStorage(sys.argv[1])"
BY_US = "import sys; from batch_platform.operations.dagster import tables; tables.upgrade(sys.argv[1])"
SHAPE = (
    "SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns "
    "WHERE table_schema = 'public' ORDER BY 1, 2",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
    "SELECT version_num FROM alembic_version",
    "SELECT name, migration_completed IS NOT NULL FROM secondary_indexes ORDER BY 1",
)


def shape(database_url: str) -> list[list[tuple[Any, ...]]]:
    with psycopg.connect(database_url) as connection:
        return [connection.execute(query.encode()).fetchall() for query in SHAPE]


def tables(database_url: str) -> int:
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'").rowcount


def launch(code: str, database_url: str) -> Fork:
    return Fork("-c", code, of_dagster(database_url), stderr=subprocess.PIPE)


def killed_at(table: str, code: str, database_url: str) -> None:
    """Kill a process that is about to create this table; what it told the server before, the server still does."""
    with psycopg.connect(database_url, autocommit=True) as watcher:
        others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid NOT IN (%s, %s)"
        with psycopg.connect(database_url) as blocker:
            known = [watcher.info.backend_pid, blocker.info.backend_pid]
            blocker.execute(f"CREATE TABLE {table} ()".encode())  # uncommitted: nobody sees it, nobody can make it
            process = launch(code, database_url)
            eventually(
                lambda: watcher.execute(f"{others} AND wait_event_type = 'Lock'".encode(), known).rowcount == 1
            )
            process.kill()
            process.communicate()
            blocker.rollback()
        eventually(lambda: watcher.execute(others.encode(), known).rowcount == 0)


@pytest.fixture(scope="module")
def whole(settings: Settings) -> list[list[tuple[Any, ...]]]:
    """What Dagster makes undisturbed."""
    with empty_database(settings, "dagster") as database_url:
        DagsterPostgresStorage(of_dagster(database_url))
        return shape(database_url)


@pytest.fixture
def database_url(settings: Settings) -> Iterator[str]:
    with empty_database(settings, "dagster") as url:
        yield url


def test_the_tables_are_those_that_dagster_makes(database_url: str, whole: list[list[tuple[Any, ...]]]) -> None:
    assert dagster_tables.pending(of_dagster(database_url))
    dagster_tables.upgrade(of_dagster(database_url))
    assert shape(database_url) == whole
    assert not dagster_tables.pending(database_url)
    DagsterPostgresStorage(of_dagster(database_url))
    assert shape(database_url) == whole


def test_several_processes_make_them_at_once(database_url: str) -> None:
    running = [launch(BY_US, database_url) for _ in range(3)]
    outcomes = [(process.communicate(timeout=PATIENCE)[1], process.returncode) for process in running]
    assert [code for _, code in outcomes] == [0] * 3, outcomes
    assert not dagster_tables.pending(database_url)


def test_those_of_another_version_are_left_to_dagster(database_url: str) -> None:
    DagsterPostgresStorage(of_dagster(database_url))
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'f495c27d5019'")
        connection.execute("DROP INDEX idx_run_tags")
    found = shape(database_url)
    with pytest.raises(Conflict, match="dagster instance migrate"):
        dagster_tables.upgrade(of_dagster(database_url))
    assert shape(database_url) == found
    assert dagster_tables.pending(database_url)


@pytest.mark.faults
@pytest.mark.parametrize("table", ["run_tags", "asset_keys", "job_ticks"])
def test_a_dagster_that_was_killed_while_it_made_them_is_mended(
    database_url: str, whole: list[list[tuple[Any, ...]]], table: str
) -> None:
    killed_at(table, BY_DAGSTER, database_url)
    DagsterPostgresStorage(of_dagster(database_url))
    assert shape(database_url) != whole  # by itself it takes the first table for all
    dagster_tables.upgrade(of_dagster(database_url))
    assert shape(database_url) == whole


@pytest.mark.faults
def test_one_killed_in_its_transaction_leaves_nothing(database_url: str, whole: list[list[tuple[Any, ...]]]) -> None:
    killed_at("job_ticks", BY_US, database_url)
    assert tables(database_url) == 0
    dagster_tables.upgrade(of_dagster(database_url))
    assert shape(database_url) == whole


@pytest.mark.faults
def test_one_killed_after_its_transaction_is_done_again(
    database_url: str, whole: list[list[tuple[Any, ...]]]
) -> None:
    dagster_tables.upgrade(of_dagster(database_url))
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM kvs")
        connection.execute("DELETE FROM secondary_indexes")
        connection.commit()
        connection.execute("LOCK TABLE secondary_indexes IN SHARE MODE")
        process = launch(BY_US, database_url)
        waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        with psycopg.connect(database_url, autocommit=True) as watcher:
            eventually(lambda: watcher.execute(waiting.encode()).rowcount == 1)
        process.kill()
        process.communicate()
    assert dagster_tables.pending(database_url)
    dagster_tables.upgrade(of_dagster(database_url))
    assert shape(database_url) == whole

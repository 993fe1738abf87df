"""Dagster's storage as `dagster.yaml` names it: connections are kept, and lost ones are not met."""

from __future__ import annotations

from typing import Any

import dagster as dg
import psycopg
import pytest
from sqlalchemy import create_engine, text

from batch_platform.core.failures import TransientFailure
from batch_platform.local.processes import free_port
from batch_platform.operations.dagster.pooled import PooledPostgresStorage, limit_statements
from batch_platform.operations.dagster.storage import DagsterInstanceStorage
from batch_platform.operations.model import Registry


@pytest.fixture
def storage(services: dict[str, str]) -> PooledPostgresStorage:
    return PooledPostgresStorage(postgres_url=services["DAGSTER_POSTGRES_URL"])


def backend(storage: Any) -> int:
    """The server process behind the storage's next question."""
    with storage.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar())


def terminate(services: dict[str, str], pid: int) -> None:
    with psycopg.connect(services["DATABASE_URL"]) as admin:
        assert admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,)).fetchone() == (True,)


def test_it_is_the_instances_storage(services: dict[str, str]) -> None:
    with dg.DagsterInstance.get() as instance:
        assert backend(instance.run_storage) == backend(instance.schedule_storage) == backend(instance.run_storage)


def test_all_three_parts_share_the_connection_and_a_lost_one_is_replaced(
    services: dict[str, str], storage: PooledPostgresStorage
) -> None:
    first = backend(storage.run_storage)
    storage.run_storage.get_runs_count()
    assert backend(storage.schedule_storage) == first
    terminate(services, first)
    assert storage.run_storage.get_runs_count() >= 0
    assert backend(storage.run_storage) != first


def test_a_web_replaces_a_lost_connection_too_and_its_statements_end(services: dict[str, str]) -> None:
    with dg.DagsterInstance.get() as instance:
        limit_statements(instance)
        first = backend(instance.run_storage)
        assert backend(instance.schedule_storage) == first
        terminate(services, first)
        assert instance.get_runs_count() >= 0
        with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            assert connection.execute(text("SHOW statement_timeout")).scalar() == "30s"


def test_a_database_that_is_away_is_a_failure_that_may_pass(
    services: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dagster_postgres.utils.calculate_delay", lambda **_: 0)
    with dg.DagsterInstance.get() as instance:
        nobody = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
        instance.run_storage._engine = create_engine(nobody)  # type: ignore[attr-defined]
        with pytest.raises(TransientFailure, match="Dagster's database does not answer"):
            DagsterInstanceStorage(instance, Registry([])).runs(["x"])

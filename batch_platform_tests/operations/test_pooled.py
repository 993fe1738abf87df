"""Dagster's storage as `dagster.yaml` names it: connections are kept, and lost ones are not met."""

from __future__ import annotations

from typing import Any

import dagster as dg
import psycopg
import pytest
from sqlalchemy import text

from batch_platform.operations.dagster.pooled import PooledPostgresStorage


@pytest.fixture
def storage(services: dict[str, str]) -> PooledPostgresStorage:
    return PooledPostgresStorage(postgres_url=services["DAGSTER_POSTGRES_URL"])


def backend(storage: Any) -> int:
    """The server process behind the storage's next question."""
    with storage.connect() as connection:
        return int(connection.execute(text("SELECT pg_backend_pid()")).scalar())


def test_it_is_the_instances_storage(services: dict[str, str]) -> None:
    with dg.DagsterInstance.get() as instance:
        assert backend(instance.run_storage) == backend(instance.schedule_storage) == backend(instance.run_storage)


def test_all_three_parts_share_the_connection_and_a_lost_one_is_replaced(
    services: dict[str, str], storage: PooledPostgresStorage
) -> None:
    first = backend(storage.run_storage)
    storage.run_storage.get_runs_count()
    assert backend(storage.schedule_storage) == first
    with psycopg.connect(services["DATABASE_URL"]) as admin:
        assert admin.execute("SELECT pg_terminate_backend(%s, 5000)", (first,)).fetchone() == (True,)
    assert storage.run_storage.get_runs_count() >= 0
    assert backend(storage.run_storage) != first

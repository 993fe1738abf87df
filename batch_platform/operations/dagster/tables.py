"""Dagster's own tables, made whole: a process killed while Dagster makes them leaves some, for good.

Dagster creates them one by one, each committed, and takes the first of them for all. Here they come in one
transaction, before any process of Dagster looks; where some are missing already, they are added.
"""

from __future__ import annotations

from typing import Final

from batch_platform.core.failures import Conflict

MADE: Final = "batch_platform/dagster_tables"
"""A key in Dagster's key-value table: everything below was done, and need not be looked at again."""

_LOCK: Final = 7_089_336_938_131_513_973
"""The advisory lock of all processes that make these tables; any number that nothing else uses."""


def pending(dagster_postgres_url: str) -> bool:
    """Whether `upgrade` has work. Fails as `migrations.upgrade` does; writes nothing, and does not load Dagster."""
    from batch_platform.core.postgres import connect

    with connect(dagster_postgres_url, application_name="batch-platform-migrations") as connection:
        row = connection.execute("SELECT to_regclass('kvs') IS NOT NULL").fetchone()
        if row != (True,):
            return True
        return connection.execute("SELECT FROM kvs WHERE key = %s", [MADE]).fetchone() is None


def upgrade(dagster_postgres_url: str) -> None:
    """Make the tables of the installed Dagster that the database lacks, and note what needs no data migration.

    Safe at once from several processes, and after one of them was killed. Raises `Conflict`, and changes nothing,
    where another version of Dagster made them; else as `migrations.upgrade` does.
    """
    from dagster._core.storage.event_log import SqlEventLogStorageMetadata
    from dagster._core.storage.runs import RunStorageSqlMetadata
    from dagster._core.storage.schedules import ScheduleStorageSqlMetadata
    from dagster._core.storage.sql import check_alembic_revision, get_alembic_config, stamp_alembic_rev
    from dagster_postgres import storage

    from batch_platform.migrations import engine

    config = get_alembic_config(storage.__file__)
    with engine(dagster_postgres_url).begin() as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        made_by, newest = check_alembic_revision(config, connection)
        if made_by not in (None, newest):
            raise Conflict(
                "dagster-tables-outdated",
                "Dagster's tables are those of another version: run dagster instance migrate first",
            )
        for metadata in (RunStorageSqlMetadata, SqlEventLogStorageMetadata, ScheduleStorageSqlMetadata):
            metadata.create_all(connection)
            for index in (index for table in metadata.sorted_tables for index in table.indexes):
                index.create(connection, checkfirst=True)  # of a table that was there, `create_all` adds none
        stamp_alembic_rev(config, connection)
    made = storage.DagsterPostgresStorage(dagster_postgres_url, should_autocreate_tables=False)
    for kept in (made.run_storage, made.schedule_storage):
        kept.migrate()
        kept.optimize()
    made.event_log_storage.reindex_events()
    made.event_log_storage.reindex_assets()
    made.run_storage.set_cursor_values({MADE: "whole"})

"""The tables on a real server: made once, also by several processes, also after one of them is killed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from alembic import command

from batch_platform import migrations
from batch_platform.core.failures import TransientFailure
from batch_platform.settings import Settings
from batch_platform_tests.databases import migrated_database
from batch_platform_tests.forks import Fork
from batch_platform_tests.waiting import PATIENCE, eventually

TABLES = {
    "finops_project_connections",
    "finops_billing_manifests",
    "finops_billing_files",
    "finops_months",
    "finops_cost_summary",
    "finops_cost_service_monthly",
    "finops_restatements",
    "finops_cost_anomalies",
    "finops_cost_forecasts",
}
UPGRADE = "import sys; from batch_platform.migrations import upgrade; upgrade(sys.argv[1])"


def tables(database_url: str) -> set[str]:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'finops'").fetchall()
    return {str(name) for (name,) in rows}


def launch(database_url: str) -> Fork:
    return Fork("-c", UPGRADE, database_url, stderr=subprocess.PIPE)


def test_upgrading_twice_is_upgrading_once(database_url: str) -> None:
    assert migrations.pending(database_url)[0] == "finops_0001"
    migrations.upgrade(database_url)
    assert tables(database_url) >= TABLES
    assert migrations.pending(database_url) == []
    migrations.upgrade(database_url)


def test_several_processes_at_once(database_url: str) -> None:
    running = [launch(database_url) for _ in range(4)]
    outcomes = [(process.communicate(timeout=PATIENCE)[1], process.returncode) for process in running]
    assert [code for _, code in outcomes] == [0] * 4, outcomes
    assert tables(database_url) >= TABLES


@pytest.mark.faults
def test_a_killed_upgrade_leaves_nothing(database_url: str) -> None:
    with psycopg.connect(database_url) as blocker:
        # no version can record itself while this table is held
        blocker.execute("CREATE TABLE public.alembic_version (version_num varchar(32) PRIMARY KEY)")
        blocker.commit()
        blocker.execute("LOCK TABLE public.alembic_version IN SHARE MODE")
        process = launch(database_url)
        wait_until_blocked(database_url)
        process.kill()
        process.communicate()
        blocker.rollback()
    assert tables(database_url) == set()
    migrations.upgrade(database_url)
    assert tables(database_url) >= TABLES


def wait_until_blocked(database_url: str) -> None:
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'batch-platform-migrations' AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(database_url, autocommit=True) as watcher:
        eventually(lambda: watcher.execute(query).fetchone() != (0,))


def test_an_unreachable_server_is_transient(unused_port: int) -> None:
    with pytest.raises(TransientFailure, match="PostgreSQL at") as failure:
        migrations.upgrade(f"postgresql://u:geheim@127.0.0.1:{unused_port}/db")
    assert "geheim" not in str(failure.value)


def test_every_table_and_amount_says_what_it_means(database_url: str) -> None:
    migrations.upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        silent = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'finops'::regnamespace AND relkind = 'r' "
            "AND obj_description(oid, 'pg_class') IS NULL"
        ).fetchall()
        mute = connection.execute(
            "SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid "
            "WHERE relnamespace = 'finops'::regnamespace AND relkind = 'r' AND atttypid = 'numeric'::regtype "
            "AND relname <> 'finops_restatements' AND col_description(attrelid, attnum) IS NULL"
        ).fetchall()
    assert (silent, mute) == ([], [])


def test_closing_months_of_an_older_platform_are_looked_at_again(database_url: str) -> None:
    """They may have waited for an invoice that no row tells of, or that a row of zero cost never gets."""
    with migrations.engine(database_url).begin() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "operations_0003")
    with psycopg.connect(database_url) as older:
        older.execute(
            "INSERT INTO finops.finops_project_connections (project_id, name, bucket, prefix, report_name, region) "
            "VALUES ('p1', 'P', 'cur-bucket', 'cur', 'report', 'ap-northeast-1')"
        )
        for month, state in (("2026-08-01", "final"), ("2026-09-01", "closing")):
            older.execute(
                "INSERT INTO finops.finops_billing_manifests (project_id, billing_month, version, assembly_id, "
                "bucket, manifest_key, manifest_etag, manifest_last_modified, delivered_at, file_count, total_bytes, "
                "status, registered_at, published_at) VALUES "
                "('p1', %(month)s, 'v', 'a', 'b', 'k', 'e', %(at)s, %(at)s, 0, 0, 'PUBLISHED', %(at)s, %(at)s)",
                {"month": month, "at": "2026-10-03T00:00:00Z"},
            )
            older.execute(
                "INSERT INTO finops.finops_months (project_id, billing_month, state, version, row_count, file_count, "
                "delivered_at, published_at) VALUES ('p1', %(month)s, %(state)s, 'v', 0, 0, %(at)s, %(at)s)",
                {"month": month, "state": state, "at": "2026-10-03T00:00:00Z"},
            )
    migrations.upgrade(database_url)
    with psycopg.connect(database_url) as newer:
        rows = newer.execute("SELECT state, final_from FROM finops.finops_months ORDER BY billing_month").fetchall()
    assert rows == [("final", None), ("closing", datetime(2026, 10, 13, tzinfo=UTC))]


def test_what_an_older_platform_published_from_another_place_is_told_apart(database_url: str) -> None:
    """A connection that was corrected before is found by where its deliveries were registered from."""
    with migrations.engine(database_url).begin() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "finops_0003")
    with psycopg.connect(database_url) as older:
        older.execute(
            "INSERT INTO finops.finops_project_connections (project_id, name, bucket, prefix, report_name, region) "
            "VALUES ('p1', 'P', 'right', 'cur', 'report', 'ap-northeast-1')"
        )
        keys = {
            "2026-07-01": ("right", "cur/report/20260701-20260801/report-Manifest.json"),
            "2026-08-01": ("wrong", "cur/report/20260801-20260901/report-Manifest.json"),
            "2026-09-01": ("right", "cur/reporter/20260901-20261001/reporter-Manifest.json"),
        }
        for month, (bucket, key) in keys.items():
            older.execute(
                "INSERT INTO finops.finops_billing_manifests (project_id, billing_month, version, assembly_id, "
                "bucket, manifest_key, manifest_etag, manifest_last_modified, delivered_at, file_count, total_bytes, "
                "status, registered_at, published_at) VALUES "
                "('p1', %(month)s, 'v', 'a', %(bucket)s, %(key)s, 'e', %(at)s, %(at)s, 0, 0, 'PUBLISHED', %(at)s, "
                "%(at)s)",
                {"month": month, "bucket": bucket, "key": key, "at": "2026-10-03T00:00:00Z"},
            )
            older.execute(
                "INSERT INTO finops.finops_months (project_id, billing_month, state, version, row_count, file_count, "
                "delivered_at, published_at) VALUES ('p1', %(month)s, 'final', 'v', 0, 0, %(at)s, %(at)s)",
                {"month": month, "at": "2026-10-03T00:00:00Z"},
            )
    migrations.upgrade(database_url)
    with psycopg.connect(database_url) as newer:
        rows = newer.execute(
            "SELECT month.place = project.place, manifest.place = project.place "
            "FROM finops.finops_months AS month JOIN finops.finops_project_connections AS project USING (project_id) "
            "JOIN finops.finops_billing_manifests AS manifest USING (project_id, billing_month) "
            "ORDER BY billing_month"
        ).fetchall()
    assert rows == [(True, True), (False, False), (False, False)]


@pytest.fixture
def finops(settings: Settings) -> Iterator[psycopg.Connection]:
    """A migrated database with one project."""
    with (
        migrated_database(settings, "core") as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        connection.execute(
            "INSERT INTO finops.finops_project_connections (project_id, name, bucket, prefix, report_name, region) "
            "VALUES ('p1', 'P', 'cur-bucket', 'cur', 'report', 'ap-northeast-1')"
        )
        yield connection


@pytest.mark.parametrize(
    "assignment",
    [
        "project_id = 'P1'",
        "project_id = '../x'",
        "role_arn = 'not-an-arn'",
        "external_id = 'without-a-role'",
        "format = 'xlsx'",
        "account_scope = '{}'",
        "region = 'tokyo'",
        "bucket = 'a/b'",
    ],
)
def test_a_connection_that_cannot_work_is_refused(finops: psycopg.Connection, assignment: str) -> None:
    statement = f"UPDATE finops.finops_project_connections SET {assignment}".encode()
    with pytest.raises(psycopg.errors.CheckViolation):
        finops.execute(statement)


@pytest.mark.parametrize(
    ("month", "day", "currency", "charge_class"),
    [
        ("2026-01-02", "2026-01-02", "USD", "usage"),
        ("2026-01-01", "2026-02-01", "USD", "usage"),
        ("2026-01-01", "2026-01-31", "usd", "usage"),
        ("2026-01-01", "2026-01-31", "USD", "other"),
    ],
)
def test_a_cost_row_outside_its_domain_is_refused(
    finops: psycopg.Connection, month: str, day: str, currency: str, charge_class: str
) -> None:
    insert = (
        "INSERT INTO finops.finops_cost_summary VALUES "
        "('p1', %s, %s, '1', '2', 's', 'r', %s, %s, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'v')"
    )
    finops.execute(insert, ["2026-01-01", "2026-01-31", "usage", "USD"])
    with pytest.raises(psycopg.errors.CheckViolation):
        finops.execute(insert, [month, day, charge_class, currency])

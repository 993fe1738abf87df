"""Weekly maintenance on a real database and real files: what it mends, what it finds, and what it leaves alone."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from batch_platform.core import postgres
from batch_platform.core.failures import InvalidInput, TransientFailure
from batch_platform.staffing import maintenance as bounds
from batch_platform.staffing.alerts import RULES
from batch_platform.staffing.service import StaffingContext, maintenance
from batch_platform.staffing.service.maintenance import Maintained

SUNDAY = date(2026, 11, 29)
NOW = datetime(2026, 11, 28, 19, 0, tzinfo=UTC)
"""04:00 of that Sunday in Tokyo."""


@pytest.fixture
def at_four(emptied: StaffingContext) -> StaffingContext:
    return replace(emptied, clock=lambda: NOW)


@pytest.fixture
def table(staffing: StaffingContext) -> Iterator[str]:
    """A table that is gone after the test."""
    with postgres.own(staffing.pool) as connection:
        connection.execute("CREATE TABLE public.worn (id integer PRIMARY KEY, v integer)")
        yield "public.worn"
        connection.execute("DROP TABLE public.worn")


@contextmanager
def beside(context: StaffingContext) -> Iterator[Any]:
    with postgres.own(context.pool) as connection:
        yield connection


def done(maintained: Maintained, subject: str) -> list[tuple[str, str]]:
    return [(deed.step, deed.did) for deed in maintained.deeds if subject in deed.subject]


def break_index(connection: Any, name: str) -> None:
    """A unique index whose building fails for a double value stays behind, invalid."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(
            sql.SQL("CREATE UNIQUE INDEX CONCURRENTLY {} ON public.worn (v)").format(sql.Identifier(name))
        )


def test_invalid_indexes_are_rebuilt_and_leftovers_dropped(
    at_four: StaffingContext, table: str, tmp_path: Path
) -> None:
    with beside(at_four) as connection:
        connection.execute(f"INSERT INTO {table} VALUES (1, 1), (2, 1)")  # type: ignore[arg-type]
        for name in ("worn_v", "worn_v_ccnew", "worn_twice"):
            break_index(connection, name)
        # its values are still double: what cannot be mended is told
        connection.execute("DELETE FROM public.worn WHERE id = 2")
        connection.execute("CREATE TABLE public.worn_too (v integer)")
        connection.execute("INSERT INTO public.worn_too VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("CREATE UNIQUE INDEX CONCURRENTLY worn_too_v ON public.worn_too (v)")
        try:
            dry = maintenance.run(at_four, SUNDAY, home=tmp_path, dry_run=True)
            assert maintenance.runs(at_four) == []
            maintained = maintenance.run(at_four, SUNDAY, home=tmp_path)
            states = dict(
                connection.execute(
                    "SELECT c.relname, i.indisvalid FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid "
                    "WHERE c.relname LIKE 'worn%'"
                ).fetchall()
            )
            again = maintenance.run(at_four, SUNDAY, home=tmp_path)
        finally:
            connection.execute("DROP TABLE public.worn_too")
    mended = [("indexes", "reindex")]
    assert done(dry, "worn_v_ccnew") == done(maintained, "worn_v_ccnew") == [("indexes", "drop")]
    assert done(dry, "worn_twice") == done(maintained, "worn_twice") == mended
    assert states == {"worn_pkey": True, "worn_v": True, "worn_twice": True, "worn_too_v": False}
    assert done(again, "worn_v") == done(again, "worn_twice") == []
    [failed] = [each for each in maintained.findings if each.kind == "failed-indexes"]
    assert failed.subject == "public.worn_too_v"
    assert "could not create unique index" in failed.what
    kept = maintenance.findings(at_four, job="maintenance", severity="warning")
    assert {(row["kind"], row["subject"]) for row in kept} >= {
        ("failed-indexes", "public.worn_too_v"),
        ("invalid-index", "public.worn_too_v"),
    }
    [run] = maintenance.runs(at_four)
    assert run["finished_at"] == NOW
    assert [deed["subject"] for deed in run["deeds"]].count("public.worn_twice") == 1


def test_bloated_indexes_are_rebuilt_once_and_a_lock_stops_only_its_own(
    at_four: StaffingContext, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "BLOATED_BYTES", 200_000)
    monkeypatch.setattr(maintenance, "LOCK_TIMEOUT", timedelta(milliseconds=100))
    with beside(at_four) as connection, beside(at_four) as other:
        connection.execute(f"INSERT INTO {table} SELECT g, g % 7 FROM generate_series(1, 30000) AS g")  # type: ignore[arg-type]
        connection.execute("ANALYZE public.worn")
        assert done(maintenance.run(at_four, SUNDAY, home=tmp_path, dry_run=True), "worn_pkey") == []
        connection.execute("DELETE FROM public.worn WHERE id % 10 <> 0")
        connection.execute("ANALYZE public.worn")
        with other.transaction():
            other.execute("LOCK TABLE public.worn IN SHARE UPDATE EXCLUSIVE MODE")
            locked = maintenance.run(at_four, SUNDAY, home=tmp_path)
        [failed] = [each for each in locked.findings if each.kind == "failed-bloat"]
        assert failed.subject == "public.worn_pkey"
        assert "lock timeout" in failed.what
        maintained = maintenance.run(at_four, SUNDAY, home=tmp_path)
        [deed] = [each for each in maintained.deeds if each.step == "bloat"]
        assert (deed.subject, deed.error) == ("public.worn_pkey", None)
        assert deed.amount is not None
        assert deed.amount > 400_000  # of about 680 kB
        assert done(maintenance.run(at_four, SUNDAY, home=tmp_path), "worn_pkey") == []
        [[count]] = connection.execute("SELECT count(*) FROM pg_class WHERE relname ~ '_cc(new|old)'").fetchall()
        assert count == 0


def test_tables_that_changed_much_are_counted_again(at_four: StaffingContext, table: str, tmp_path: Path) -> None:
    with beside(at_four) as connection:
        connection.execute(f"INSERT INTO {table} SELECT g, g FROM generate_series(1, 500) AS g")  # type: ignore[arg-type]
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT 1")
    assert done(maintenance.run(at_four, SUNDAY, home=tmp_path), "worn") == [("statistics", "analyze")]
    assert done(maintenance.run(at_four, SUNDAY, home=tmp_path), "worn") == []


def test_rows_go_when_their_time_is_over_and_a_hold_keeps_them(at_four: StaffingContext, tmp_path: Path) -> None:
    with beside(at_four) as connection:
        connection.execute("TRUNCATE web.requests, web.sessions CASCADE")
        connection.execute(
            "INSERT INTO web.requests (at, method, route, status, duration_ms, principal) "
            "SELECT %s - day * interval '1 day', 'GET', '/', 200, 1, 'local' FROM unnest(%s::integer[]) AS day",
            [NOW, [1, 90, 91]],
        )
        connection.execute(
            "INSERT INTO web.sessions (id_hash, subject, name, roles, address, created_at, seen_at, expires_at) "
            "SELECT sha256(day::text::bytea), 'oidc:a', 'a', '{viewer}', '::1', %s, %s, %s + day * interval '1 day' "
            "FROM unnest(%s::integer[]) AS day",
            [NOW, NOW, NOW, [-1, 1]],
        )
        connection.execute(
            "INSERT INTO staffing.logins (id, user_id, company_id, at) VALUES "
            "('1', 'u', 'c', '2023-01-01Z'), ('2', 'u', 'c', '2023-02-01Z'), ('3', 'v', 'c', '2023-01-01Z')"
        )
        counted = (
            "INSERT INTO staffing.system_stats SELECT day, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, now() "
            "FROM unnest(%s::date[]) AS day"
        )
        connection.execute(counted, [["2023-01-01"]])

        def left() -> tuple[int, int, list[str]]:
            [[requests, sessions, logins]] = connection.execute(
                "SELECT (SELECT count(*) FROM web.requests), (SELECT count(*) FROM web.sessions), "
                "(SELECT array_agg(id ORDER BY id) FROM staffing.logins)"
            ).fetchall()
            return requests, sessions, logins

        dry = maintenance.run(at_four, SUNDAY, home=tmp_path, dry_run=True)
        assert [(d.subject, d.did, d.amount) for d in dry.deeds if d.step == "retention"] == [
            ("requests", "delete", 1),
            ("sessions", "delete", 1),
            ("logins", "delete", 1),
        ]
        assert left() == (3, 2, ["1", "2", "3"])
        held = maintenance.run(at_four, SUNDAY, home=tmp_path, held=["logins"])
        assert [(d.subject, d.did, d.amount) for d in held.deeds if d.step == "retention"][-1] == (
            "logins",
            "hold",
            1,
        )
        assert left() == (2, 1, ["1", "2", "3"])
        maintenance.run(at_four, SUNDAY, home=tmp_path)
        assert left() == (2, 1, ["2", "3"])  # the newest of each user stays
    with pytest.raises(InvalidInput, match="STAFFING_LEGAL_HOLD: invoices is no class"):
        maintenance.run(at_four, SUNDAY, home=tmp_path, held=["invoices"])


def test_logs_are_archived_after_a_week_and_deleted_after_ninety_days(
    at_four: StaffingContext, tmp_path: Path
) -> None:
    def file(name: str, days: float, text: str = "line\n") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        moment = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (moment, moment))
        return path

    old, rotated, young = file("logs/web.log", 7), file("logs/web.log.1", 30, "older\n"), file("logs/code.log", 6.9)
    gone, kept = file("logs/archive/web.log.a.gz", 90), file("logs/archive/web.log.b.gz", 89.9)
    left, busy, other = file(".services.json.77", 2), file(".services.json.78", 0.5), file("notes.txt", 400)
    file("logs/archive/.web.log.gz.78", 2)  # of a process that was killed half way
    dry = maintenance.run(at_four, SUNDAY, home=tmp_path, dry_run=True)
    assert {Path(d.subject).name: d.did for d in dry.deeds if d.step in ("logs", "temporary-files")} == {
        "web.log": "archive",
        "web.log.1": "archive",
        "web.log.a.gz": "delete",
        ".services.json.77": "delete",
        ".web.log.gz.78": "delete",
    }
    assert (old.read_text(), gone.exists()) == ("line\n", True)
    maintenance.run(at_four, SUNDAY, home=tmp_path)
    archived = {path.name: gzip.decompress(path.read_bytes()) for path in (tmp_path / "logs/archive").glob("*Z.gz")}
    assert archived == {"web.log.20261121T190000Z.gz": b"line\n", "web.log.1.20261029T190000Z.gz": b"older\n"}
    assert old.read_text() == ""  # a service may have it open
    assert [path.exists() for path in (rotated, young, gone, kept, left, busy, other)] == [
        False,
        True,
        False,
        True,
        False,
        True,
        True,
    ]
    assert not [d for d in maintenance.run(at_four, SUNDAY, home=tmp_path).deeds if d.step == "logs"]
    later = replace(at_four, clock=lambda: NOW + timedelta(days=70))
    maintenance.run(later, SUNDAY + timedelta(days=70), home=tmp_path)
    assert sorted(path.name for path in (tmp_path / "logs/archive").iterdir()) == [
        "code.log.20261121T212400Z.gz",
        "web.log.20261121T190000Z.gz",
    ]


def test_health_is_told_with_what_helps(
    at_four: StaffingContext, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "TRANSACTION_AGE", timedelta(0))
    with beside(at_four) as connection, beside(at_four) as other:
        connection.execute("CREATE SEQUENCE public.ending MAXVALUE 100 OWNED BY public.worn.v")
        connection.execute("SELECT setval('public.ending', 96)")
        connection.execute("ALTER TABLE public.worn ADD CONSTRAINT positive CHECK (v > 0) NOT VALID")
        with other.transaction():
            other.execute("SELECT 1")
            found = maintenance.run(at_four, SUNDAY, home=tmp_path).findings
    said = {(each.kind, each.severity, str(each.what)) for each in found}
    assert ("sequence", "critical", "sequence public.ending has used 96 % of its numbers") in said
    assert ("backup", "critical", "no backup has ever been verified") in said
    assert (
        "invalid-constraint",
        "warning",
        "constraint positive of public.worn was never checked for older rows",
    ) in said
    assert [each.kind for each in found].count("long-transaction") >= 1
    [rule] = [each for each in RULES if each.name == "maintenance-finding"]
    with postgres.transaction(at_four.pool) as session:
        told = session.execute(rule.statement, {}).fetchall()
    assert {(subject, job) for subject, job, _ in told} == {
        ("sequence public.ending", "weekly-maintenance"),
        ("backup daily-backup", "weekly-maintenance"),
    }
    assert all(each.to_do for each in found)


def test_only_one_maintains_at_a_time_and_only_on_sundays(at_four: StaffingContext, tmp_path: Path) -> None:
    with beside(at_four) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('batch_platform.staffing.maintenance', 0))")
        with pytest.raises(TransientFailure, match="another process"):
            maintenance.run(at_four, SUNDAY, home=tmp_path)
    with pytest.raises(InvalidInput, match=r"2026-11-28 is no Sunday: .* such as 2026-11-22"):
        maintenance.run(at_four, SUNDAY - timedelta(days=1), home=tmp_path)
    with pytest.raises(InvalidInput, match="has not come yet"):
        maintenance.run(at_four, SUNDAY + timedelta(days=7), home=tmp_path)


def test_bounds_decide_severity() -> None:
    assert [each.severity for each in bounds.connections(79, 100)] == []
    assert [each.severity for each in bounds.connections(80, 100)] == ["warning"]
    assert [each.severity for each in bounds.connections(95, 100)] == ["critical"]
    assert [each.severity for each in bounds.disk("/", 15, 100)] == []
    assert [each.severity for each in bounds.disk("/", 14, 100)] == ["warning"]
    assert [each.severity for each in bounds.disk("/", 4, 100)] == ["critical"]
    fresh, old = NOW - bounds.BACKUP_AGE, NOW - bounds.BACKUP_AGE - timedelta(seconds=1)
    assert list(bounds.backup(fresh, NOW)) == []
    assert [str(each.what) for each in bounds.backup(old, NOW)] == ["the last verified backup is 50 hours old"]

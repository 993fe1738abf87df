"""The weekly performance analysis: figures against values computed apart, what is told, and the report."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg.sql import SQL
from pypdf import PdfReader

from batch_platform.core import postgres
from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.staffing import performance as rules
from batch_platform.staffing.performance import DatabaseWeek, Figures, database_week
from batch_platform.staffing.service import StaffingContext, maintenance, performance
from batch_platform.staffing.store.performance import Performance
from batch_platform_tests.staffing.facts import load

MONDAY = date(2026, 11, 23)
BEGIN = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
"""Midnight of that Monday in Tokyo."""
WEEK = timedelta(days=7)
NOW = BEGIN + WEEK + timedelta(hours=5)


@pytest.fixture
def at_five(emptied: StaffingContext) -> StaffingContext:
    with postgres.own(emptied.pool) as connection:
        connection.execute("TRUNCATE web.requests")
    return replace(emptied, clock=lambda: NOW)


def request(context: StaffingContext, at: datetime, route: str, status: int, *durations: int) -> None:
    with postgres.own(context.pool) as connection:
        connection.execute(
            "INSERT INTO web.requests (at, method, route, status, duration_ms, principal) "
            "SELECT %s, 'GET', %s, %s, d, 'local' FROM unnest(%s::integer[]) AS d",
            [at, route, status, list(durations)],
        )


def made(**given: Any) -> Figures:
    values: dict[str, Any] = {"kind": "route", "subject": "GET /a", "requests": 100, "failed": 0}
    values |= {"p50": Decimal(50), "p95": Decimal(200), "p99": Decimal(300), "before": None}
    return Figures(**{**values, **given})


def told(figures: Figures) -> list[tuple[str, str]]:
    return [(each.kind, each.severity) for each in rules.findings([figures], None, {})]


def test_figures_are_nearest_rank_of_the_week_in_tokyo(at_five: StaffingContext) -> None:
    request(at_five, BEGIN, "/a", 200, *range(1, 101))
    request(at_five, BEGIN + WEEK - timedelta(microseconds=1), "/a", 503, 1000)
    request(at_five, BEGIN + WEEK, "/a", 200, 9999)
    request(at_five, BEGIN - timedelta(microseconds=1), "/a", 200, 7)
    load(
        at_five,
        {"kind": "company", "company_id": 7, "name": "髙橋商事"},
        *(
            {"kind": "api_request", "id": number, "user_id": None, "company_id": 7, "feature": "search"}
            | {"at": "2026-11-24T00:00:00Z", "status": 200, "duration_ms": number * 10}
            for number in (1, 2, 3)
        ),
        {"kind": "api_request", "id": 4, "company_id": 7, "feature": "search", "at": "2026-11-24T00:00:00Z"},
    )
    performance.analyse(at_five, MONDAY - WEEK)
    done = performance.analyse(at_five, MONDAY)
    [route] = done.week.of("route")
    # of 101 durations: ranks 51, 96 and 100
    assert (route.subject, route.requests, route.failed) == ("GET /a", 101, 1)
    assert (route.p50, route.p95, route.p99) == (51, 96, 100)
    assert route.error_rate == Decimal("0.0099")
    assert route.before is not None
    assert (route.before.requests, route.before.p95, route.change) == (1, 7, 89)
    [feature], [company] = done.week.of("feature"), done.week.of("company")
    assert (feature.subject, feature.requests, feature.p50, feature.p99) == ("search", 4, 20, 30)
    assert (company.subject, done.week.names[company.subject]) == ("7", "髙橋商事")

    pdf = io.BytesIO(performance.report(at_five, MONDAY))
    text = "".join(page.extract_text() for page in PdfReader(pdf).pages)
    for expected in ("週次パフォーマンスレポート", "GET /a", "髙橋商事", "pg_stat_statements は導入されていません"):
        assert expected in text
    assert [row["week"] for row in performance.weeks(at_five)] == [MONDAY, MONDAY - WEEK]


def test_a_week_again_has_the_same_report_and_keeps_its_counters(at_five: StaffingContext) -> None:
    request(at_five, BEGIN, "/a", 200, *range(1, 61))
    first = performance.analyse(at_five, MONDAY)
    dry = performance.analyse(at_five, MONDAY, dry_run=True)
    again = performance.analyse(replace(at_five, clock=lambda: NOW + timedelta(days=1)), MONDAY)
    assert first.week.database is not None
    assert first.week.database.statements is None
    assert (again.week, again.report_sha256) == (first.week, first.report_sha256)
    assert (dry.week, dry.report_key) == (first.week, None)
    late = performance.analyse(at_five, MONDAY - WEEK)
    assert late.week.database is None  # nobody read the counters then


def test_a_run_that_ends_before_its_report_is_made_up_for(
    at_five: StaffingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    request(at_five, BEGIN, "/a", 200, *range(1, 61))
    with monkeypatch.context() as patched:
        patched.setattr(performance.documents, "render", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            performance.analyse(at_five, MONDAY)
    assert performance.missing_weeks(at_five, MONDAY + WEEK) == [MONDAY]
    assert maintenance.findings(at_five, job="performance") == []
    done = performance.analyse(at_five, MONDAY)
    assert performance.missing_weeks(at_five, MONDAY + WEEK) == []
    assert performance.week_of(at_five, MONDAY) == done.week


def test_statements_are_listed_where_the_server_counts_them(
    at_five: StaffingContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.own(at_five.pool) as connection:  # the extension's view, which the tests' server lacks
        connection.execute("CREATE SCHEMA counted")
        connection.execute(
            "CREATE VIEW counted.pg_stat_statements AS "
            "SELECT E'SELECT  1\\n+ %(n)s' AS query, 3::bigint AS calls, 12.6::float8 AS total_exec_time, "
            "oid AS dbid FROM pg_database WHERE datname = current_database()"
        )
        shown = "SELECT 'counted' AS nspname"
        monkeypatch.setitem(Performance._sql, "statements_schema", SQL(shown))
        try:
            done = performance.analyse(at_five, MONDAY)
        finally:
            connection.execute("DROP SCHEMA counted CASCADE")
    assert done.week.database is not None
    assert done.week.database.statements == ({"query": "SELECT 1 + %(n)s", "calls": 3, "milliseconds": 13},)
    pdf = io.BytesIO(performance.report(at_five, MONDAY))
    assert "13ミリ秒 3回" in "".join(page.extract_text() for page in PdfReader(pdf).pages)


def test_what_became_worse_is_told_and_stays_told(at_five: StaffingContext) -> None:
    request(at_five, BEGIN - WEEK, "/slow", 200, *[100] * 60)
    request(at_five, BEGIN, "/slow", 200, *[300] * 57)
    request(at_five, BEGIN, "/slow", 500, *[300] * 3)
    performance.analyse(at_five, MONDAY - WEEK)
    performance.analyse(at_five, MONDAY)
    found = maintenance.findings(at_five, job="performance")
    assert [(row["kind"], row["severity"], str(row["what"])) for row in found if row["kind"] != "scans"] == [
        ("errors-route", "critical", "3 of 60 answers of GET /slow were server errors"),
        ("slower-route", "warning", "95 % of GET /slow were answered within 300 ms, 100 ms the week before"),
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"p95": Decimal(300)}, [("slower-route", "warning")]),
        ({"p95": Decimal(299)}, []),
        ({"p95": Decimal(300), "requests": 49}, []),
        ({"failed": 1}, [("errors-route", "warning")]),
        ({"failed": 5}, [("errors-route", "critical")]),
        ({"failed": 1, "requests": 101}, []),
        ({"kind": "company", "requests": 1000}, [("use-grown", "info")]),
        ({"kind": "company", "requests": 999}, []),
    ],
)
def test_bounds_of_regressions(given: Mapping[str, Any], expected: list[tuple[str, str]]) -> None:
    before = made(requests=333 if "kind" in given else 100)
    assert told(made(before=before, **given)) == expected
    assert told(made(before=replace(before, requests=1_000, failed=10), failed=1)) == []  # no worse than it was


def test_counters_of_the_database_are_those_between_two_readings() -> None:
    first = {
        "stats_reset": "a",
        "blks_hit": 900,
        "blks_read": 100,
        "deadlocks": 1,
        "temp_files": 0,
        "temp_bytes": 0,
        "xact_commit": 10,
        "xact_rollback": 1,
        "statements": None,
        "tables": [{"table": "s.t", "scans": 1, "rows": 100, "index_scans": 5, "live": 100}],
    }
    second = {**first, "blks_hit": 1800, "blks_read": 200, "deadlocks": 3, "xact_commit": 25}
    second["tables"] = [{"table": "s.t", "scans": 4, "rows": 700, "index_scans": 5, "live": 200}]
    week = database_week(second, first)
    assert (week.cache_hit, week.blocks, week.deadlocks, week.commits) == (Decimal("0.9000"), 1000, 2, 15)
    assert [(each.scans, each.rows, each.live) for each in week.tables] == [(3, 600, 200)]
    assert database_week({**second, "stats_reset": "b"}, first).deadlocks == 3
    bad = DatabaseWeek(Decimal("0.94"), rules.BLOCKS, 2, 3, rules.TEMPORARY_BYTES, 0, 0, week.tables, None)
    assert [each.kind for each in rules.findings([], bad, {})] == ["cache-hit", "deadlocks", "temporary-files"]


def test_weeks_are_over_begin_on_mondays_and_are_still_kept(at_five: StaffingContext) -> None:
    with pytest.raises(InvalidInput, match="here 2026-11-23"):
        performance.analyse(at_five, MONDAY + timedelta(days=6))
    with pytest.raises(InvalidInput, match="not over yet"):
        performance.analyse(at_five, MONDAY + WEEK)
    with pytest.raises(InvalidInput, match="no longer kept; the oldest is that of 2026-09-07"):
        performance.analyse(at_five, date(2026, 8, 31))
    with pytest.raises(NotFound):
        performance.report(at_five, MONDAY)
    today = MONDAY + WEEK
    assert performance.missing_weeks(at_five, today) == [MONDAY]
    request(at_five, BEGIN - 2 * WEEK, "/a", 200, 1)
    assert performance.missing_weeks(at_five, today) == [MONDAY - 2 * WEEK, MONDAY - WEEK, MONDAY]
    performance.analyse(at_five, MONDAY - WEEK)
    assert performance.missing_weeks(at_five, today) == [MONDAY - 2 * WEEK, MONDAY]

"""What the weekly jobs have done and found, by API: in the reader's language, with the report as it was stored."""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import httpx

from batch_platform.core import postgres
from batch_platform.staffing.service import StaffingContext, maintenance, performance
from batch_platform_tests.staffing_web.conftest import NOW

WEEK = date(2026, 11, 23)


def test_findings_figures_and_reports(
    staffing: StaffingContext, pool: postgres.Pool, viewer: httpx.Client, tmp_path: Path
) -> None:
    with postgres.transaction(pool) as connection:
        connection.execute(
            "INSERT INTO web.requests (at, method, route, status, duration_ms, principal) "
            "SELECT %s, 'GET', '/a', 500, 12.5, 'local' FROM generate_series(1, 50)",
            [NOW - timedelta(days=5)],
        )
        connection.execute(
            "INSERT INTO staffing.api_requests (id, company_id, at, feature) VALUES ('1', '\"7\"', %s, 'search')",
            [NOW - timedelta(days=5)],
        )
    maintenance.run(staffing, date(2026, 11, 29), home=tmp_path)
    done = performance.analyse(staffing, WEEK)

    def read(path: str, **headers: str) -> list[dict[str, object]]:
        answer = viewer.get(f"/api/staffing/{path}", headers=headers)
        assert answer.status_code == 200, answer.text
        data: list[dict[str, object]] = answer.json()["data"]
        return data

    [finding] = read("maintenance/findings?job=performance&severity=critical")
    assert finding["what"] == "50 of 50 answers of GET /a were server errors"
    assert {row["job"] for row in read("maintenance/runs")} == {"maintenance", "performance"}
    assert next(row for row in read("maintenance/retention") if row["name"] == "requests")["days"] == 90
    [week] = read("performance/weeks")
    assert (week["week"], week["failed"]) == ("2026-11-23", 50)
    [route] = [row for row in read("performance/figures?kind=route") if row["subject"] == "GET /a"]
    assert (route["requests"], route["p95"], route["p95_before"]) == (50, "12.5", None)
    [company] = read("performance/figures?kind=company&week=2026-11-23")
    assert (company["subject"], company["p50"]) == ("7", None)  # a text that reads like a number stays one
    report = viewer.get("/api/staffing/performance/weeks/2026-11-23/report")
    assert (report.status_code, report.headers["content-type"]) == (200, "application/pdf")
    assert sha256(report.content).hexdigest() == week["report_sha256"] == done.report_sha256
    unknown = viewer.get("/api/staffing/performance/weeks/2026-11-16/report")
    assert (unknown.status_code, unknown.headers["content-type"]) == (404, "application/problem+json")

"""The weekly jobs as Dagster, the command line and the API run and show them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.domains import load_settings
from batch_platform.operations.model import JobParameters
from batch_platform.registry import build_registry
from batch_platform.settings import Settings
from batch_platform.staffing.cli import app
from batch_platform.staffing.instants import at_time, business_day
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.weeks import newest_week

NOW = datetime(2026, 11, 29, 19, 0, tzinfo=UTC)
"""Monday, 04:00 in Tokyo."""


@pytest.fixture
def command(
    emptied: StaffingContext,
    staffing_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    clean_environment: None,
    tmp_path: Path,
) -> CliRunner:
    """Commands on the database of this module, in a home of their own."""
    monkeypatch.setenv("DATABASE_URL", staffing_settings.database())
    monkeypatch.setenv("BATCH_PLATFORM_HOME", str(tmp_path))
    (tmp_path / "logs").mkdir()
    return CliRunner()


def said(command: CliRunner, *arguments: str) -> Any:
    result = command.invoke(app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("given", "partition"),
    [(None, "2026-11-29"), (date(2026, 11, 22), "2026-11-22")],
)
def test_maintenance_is_that_of_a_sunday(given: date | None, partition: str) -> None:
    job = build_registry(load_settings()).get("weekly-maintenance")
    launch = job.launch(None, JobParameters(target_date=given), NOW)  # type: ignore[arg-type]
    assert (launch.job, launch.partition) == ("staffing_maintenance", partition)
    dry = job.launch(None, JobParameters(target_date=given, dry_run=True), NOW)  # type: ignore[arg-type]
    assert (dry.job, dry.config) == (
        "staffing_maintenance_dry_run",
        {"ops": {"rehearse_maintenance": {"config": {"partition": partition}}}},
    )
    with pytest.raises(InvalidInput, match="no Sunday"):
        job.launch(None, JobParameters(target_date=date(2026, 11, 28)), NOW)  # type: ignore[arg-type]


def test_maintenance_runs_by_command_and_tells_what_it_found(command: CliRunner) -> None:
    dry = said(command, "run", "WEEKLY_001", "--date", "2026-11-22", "--dry-run")
    assert "would be told" in dry["summary"]
    assert said(command, "maintenance", "runs") == []
    done = said(command, "run", "weekly-maintenance", "--date", "2026-11-22")
    assert (done["place"], done["outcome"]["failed"], done["outcome"]["critical"]) == ("2026-11-22", 0, 1)
    [run] = said(command, "maintenance", "runs")
    assert (run["partition"], run["finished_at"] is not None) == ("2026-11-22", True)
    [finding] = said(command, "maintenance", "findings", "--severity", "critical")
    assert (finding["kind"], finding["what"]) == ("backup", "no backup has ever been verified")
    assert {each["name"]: each["action"] for each in said(command, "maintenance", "retention")}["invoices"] == "keep"
    again = said(command, "run", "weekly-maintenance", "--date", "2026-11-22")
    assert again["outcome"]["findings"] == done["outcome"]["findings"]


def test_a_week_is_analysed_by_command_and_its_report_is_a_pdf(
    command: CliRunner, emptied: StaffingContext, tmp_path: Path
) -> None:
    today = business_day(utc_now())
    week = newest_week(today)
    with postgres.own(emptied.pool) as connection:
        connection.execute(
            "INSERT INTO web.requests (at, method, route, status, duration_ms, principal) "
            "VALUES (%s, 'GET', '/a', 200, 12.5, 'local')",
            [at_time(week)],
        )
    done = said(command, "run", "WEEKLY_002")
    assert (done["place"], done["outcome"]["week"]) == (week.isoformat(), week.isoformat())
    [listed] = said(command, "performance", "weeks")
    assert (listed["week"], listed["report_sha256"]) == (week.isoformat(), done["outcome"]["report"])
    [figures] = said(command, "performance", "figures", "--week", week.isoformat())
    assert (figures["subject"], figures["p95"]) == ("GET /a", "12.5")
    target = tmp_path / "week.pdf"
    assert (
        command.invoke(app, ["performance", "report", "--week", week.isoformat(), "-o", str(target)]).exit_code == 0
    )
    assert sha256(target.read_bytes()).hexdigest() == listed["report_sha256"]
    dry = said(command, "run", "weekly-performance-analysis", "--dry-run")
    assert "would be summed up" in dry["summary"]
    refused = command.invoke(app, ["performance", "figures", "--week", "2020-01-06"])
    assert isinstance(refused.exception, NotFound)

"""A run by command leaves one row, stands in the history, and says what it did."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from batch_platform.core import postgres
from batch_platform.core.caller import system_user
from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.operations.actions import EXECUTE
from batch_platform.staffing.cli import app
from batch_platform_tests.surfaces import Walk
from batch_platform_tests.web.site import SECRET

SURFACES = {("staffing run", EXECUTE)}


def call(*words: str) -> Result:
    result = CliRunner().invoke(app, words[1:])
    if result.exception is not None:
        raise result.exception
    return result


def test_runs_by_command(pool: postgres.Pool, staffing_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", staffing_database)
    monkeypatch.setenv("BATCH_PLATFORM_SECRET", SECRET.decode())
    with postgres.transaction(pool) as connection:
        connection.execute(
            "INSERT INTO staffing.engineers (engineer_id, company_id) VALUES ('7', '1'), ('\"7\"', '1')"
        )
    walk, by = Walk(pool, SURFACES, intents={EXECUTE}), f"cli:{system_user()}"
    words = ("staffing", "run", "DAILY_001", "--date", "2026-09-10")
    told = json.loads(call(*words, "--dry-run", "--json").stdout)
    assert told["summary"] == "2026-09-10: of 2 engineers 2 would change, with 0 corrections"
    assert [row["engineer_id"] for row in told["rows"]] == ["7", "7"]
    [row] = walk.command(call, *words, does=(EXECUTE,), by=by, target="engineer-status-update", dry_run=False)
    assert row.after["parameters"] == {"targetDate": "2026-09-10"}
    told = json.loads(call(*words, "--json").stdout)
    assert (told["job"], told["place"]) == ("engineer-status-update", "2026-09-10")
    assert told["outcome"] == {
        "day": "2026-09-10",
        "as_known": False,
        "engineers": 2,
        "changed": 0,
        "corrections": 0,
        "counts": {"waiting": 2},
    }
    assert "system stats: 1\n" in call("staffing", "run", "daily-data-aggregation", "--date", "2026-09-10").stdout
    with walk.nothing(), pytest.raises(InvalidInput, match="2027-01-01 lies outside the days 2016-01-01 to "):
        call("staffing", "run", "DAILY_002", "--date", "2027-01-01")
    with pytest.raises(NotFound, match="no job price-update of staffing; there are engineer-status-update, "):
        call("staffing", "run", "price-update")
    assert walk.walked == SURFACES

"""MONTHLY_001 as Dagster and the command line run it."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime

import dagster as dg
import pytest
from typer.testing import CliRunner

from batch_platform.core.failures import InvalidInput
from batch_platform.operations.model import JobParameters
from batch_platform.settings import Settings
from batch_platform.staffing import jobs
from batch_platform.staffing.cli import app
from batch_platform.staffing.dagster import invoices
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.service.invoices.verifying import CHECKS, COMPLETE
from batch_platform_tests.staffing.billing import company, contract, used
from batch_platform_tests.staffing.facts import load, rows
from batch_platform_tests.staffing.test_dagster_daily import Staged, asked, checks, instance, ran

__all__ = ["instance"]

SEPTEMBER = date(2026, 9, 1)


@pytest.fixture
def context(billing: StaffingContext, monkeypatch: pytest.MonkeyPatch) -> StaffingContext:
    monkeypatch.setattr(Staged, "staffing", billing)
    load(billing, company(1), company(2, email=None), contract(1, 1), contract(2, 2), used(1))
    return billing


def test_a_run_tells_what_waits_and_the_next_one_issues_it(
    context: StaffingContext, instance: dg.DagsterInstance
) -> None:
    first = ran(instance, [invoices.invoices], SEPTEMBER)
    assert first.success
    assert checks(first) == dict.fromkeys(CHECKS, True)
    load(context, used(2))
    metadata = ran(instance, [invoices.invoices], SEPTEMBER).asset_materializations_for_node("staffing__invoices")[0]
    told = metadata.metadata["outcome"].value
    assert (told["status"], told["issued"], told["states"], told["unmailed"]) == ("ok", 1, {"issued": 2}, [2])
    assert "billed by month" in metadata.metadata
    by = rows(context, "SELECT DISTINCT by FROM staffing.invoice_events")
    assert by == [("system",)]


def test_a_dead_letter_fails_a_check_and_not_the_run(context: StaffingContext, instance: dg.DagsterInstance) -> None:
    load(context, company(3, name="😀"), contract(3, 3), used(3))
    ended = ran(instance, [invoices.invoices], SEPTEMBER)
    assert ended.success
    assert checks(ended) == {**dict.fromkeys(CHECKS, True), COMPLETE: False}


def test_the_schedule_asks_for_missed_months_and_those_that_wait(
    context: StaffingContext, instance: dg.DagsterInstance
) -> None:
    ran(instance, [invoices.invoices], SEPTEMBER)
    six = datetime(2026, 11, 30, 21, tzinfo=UTC)  # 06:00 of the 1st of December in Tokyo
    keys = [partition for partition, _ in asked("staffing_invoices_schedule", six)]
    assert keys == ["2026-09-01", "2026-10-01", "2026-11-01"]


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (date(2026, 9, 2), "2026-09-02 is not the first day of a month; the month is billed as 2026-09-01"),
        (date(2026, 10, 1), "the month 2026-10 is billed from 2026-11-01 on"),
    ],
    ids=["day", "future"],
)
def test_another_day_is_refused(staffing: StaffingContext, day: date, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        jobs.plan_invoices(staffing.pool, JobParameters(target_date=day), datetime(2026, 10, 20, tzinfo=UTC))


def test_commands_list_print_and_verify(
    context: StaffingContext,
    instance: dg.DagsterInstance,
    staffing_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran(instance, [invoices.invoices], SEPTEMBER)
    assert staffing_settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", staffing_settings.database_url.get_secret_value())

    def call(*words: str) -> object:
        result = CliRunner().invoke(app, [*words, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    [row] = call("invoices", "list", "--month", "2026-09")  # type: ignore[misc]
    assert (row["contract_id"], row["invoice_number"], row["total"]) == (1, "INV-2026-000001", 1_100)
    assert row["per_rate"] == [{"rate": "10", "net": 1_000, "tax": 100, "gross": 1_100}]
    shown = call("invoices", "show", "INV-2026-000001")
    assert [event["state"] for event in shown["history"]] == ["draft", "issued"]  # type: ignore[index]
    printed = call("invoices", "render", "INV-2026-000001")
    assert printed["pdf_sha256"] == row["pdf_sha256"]  # type: ignore[index]
    assert call("verify", "--month", "2026-09") == {"equal": True, "differences": []}
    found = call(
        "invoices", "list", "--counterparty", "株式会社1", "--total-from", "1100", "--issued-to", "2026-10-01"
    )
    assert found == [row]
    assert call("invoices", "list", "--total-from", "1101") == []

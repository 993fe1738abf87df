"""MONTHLY_002 as Dagster and the command line run it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import ClassVar

import dagster as dg
import pytest
from typer.testing import CliRunner

from batch_platform.core.failures import InvalidInput
from batch_platform.domains import load_settings
from batch_platform.operations.model import JobParameters
from batch_platform.registry import build_registry
from batch_platform.resources import build_resources
from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import Settings
from batch_platform.staffing.cli import app
from batch_platform.staffing.dagster import definitions, reports
from batch_platform.staffing.dagster.resource import StaffingResource
from batch_platform.staffing.service import StaffingContext
from batch_platform_tests.staffing.facts import rows
from batch_platform_tests.staffing.months import MONTH, write_month

SEVEN = datetime(2026, 10, 1, 22, tzinfo=UTC)  # 07:00 of the 2nd in Tokyo


class Staged(StaffingResource):
    """The resource on the context of a test."""

    staffing: ClassVar[StaffingContext | None] = None

    @contextmanager
    def open_context(self) -> Iterator[StaffingContext]:
        assert self.staffing is not None
        yield self.staffing


@pytest.fixture
def context(emptied: StaffingContext, provisioned: Settings, monkeypatch: pytest.MonkeyPatch) -> StaffingContext:
    write_month(emptied)
    made = replace(emptied, clock=lambda: SEVEN)
    monkeypatch.setattr(Staged, "staffing", made)
    return made


def asked(at: datetime) -> list[str | None]:
    """The partitions that the schedule asks for at a tick."""
    settings = load_settings()
    repository = definitions.DAGSTER.definitions(settings, build_resources(settings)).get_repository_def()
    resources = {"staffing": Staged(postgres=PostgresResource()), "postgres": PostgresResource()}
    with dg.build_schedule_context(
        scheduled_execution_time=at, repository_def=repository, resources=resources
    ) as context:
        tick = repository.get_schedule_def("staffing_monthly_reports_schedule").evaluate_tick(context)
    return [each.partition_key for each in tick.run_requests or []]


def test_a_month_is_one_partition_with_its_check(context: StaffingContext) -> None:
    assert asked(SEVEN) == ["2026-09-01"]
    for name, there in (("😀", False), ("髙橋", True)):
        with context.store.transaction() as session:
            session.connection.execute("UPDATE companies SET name = %s WHERE company_id = '1'", [name])
        with dg.DagsterInstance.ephemeral() as instance:
            ended = dg.materialize(
                [reports.monthly_reports],
                resources={"staffing": Staged(postgres=PostgresResource())},
                instance=instance,
                partition_key=str(MONTH),
                raise_on_error=False,
            )
        [check] = ended.get_asset_check_evaluations()
        assert (check.check_name, check.passed) == ("every_report", there)
    [made] = ended.asset_materializations_for_node("staffing__monthly_reports")
    assert made.metadata["dagster/row_count"].value == 5
    [[revenue]] = rows(context, "SELECT id FROM reports WHERE kind = 'revenue' ORDER BY version DESC LIMIT 1")
    assert made.metadata["revenue PDF"].value == f"/api/staffing/reports/{revenue}/pdf"
    december = datetime(2026, 12, 1, 22, tzinfo=UTC)
    assert asked(december) == ["2026-10-01", "2026-11-01"]


def test_a_date_that_is_no_month_is_refused(context: StaffingContext) -> None:
    job = build_registry(load_settings()).get("MONTHLY_002")
    assert job.launch(context.pool, JobParameters(), SEVEN).partition == "2026-09-01"
    with pytest.raises(InvalidInput, match=r"2026-09-30 is not the first .* those of 2026-09-01"):
        job.launch(context.pool, JobParameters(target_date=date(2026, 9, 30)), SEVEN)
    with pytest.raises(InvalidInput, match="2026-10 is reported from 2026-11-01 on"):
        job.launch(context.pool, JobParameters(target_date=date(2026, 10, 1)), SEVEN)


def test_run_by_command(
    context: StaffingContext, staffing_settings: Settings, monkeypatch: pytest.MonkeyPatch, clean_environment: None
) -> None:
    monkeypatch.setenv("DATABASE_URL", staffing_settings.database())
    words = ["run", "monthly-report-generation", "--date", "2026-09-01", "--dry-run", "--json"]
    told = json.loads(CliRunner().invoke(app, words, catch_exceptions=False).stdout)
    assert told["summary"] == "2026-09: 5 new versions of reports"
    assert [row["company_id"] for row in told["rows"]] == ["1", "1", "", "", ""]

"""The daily jobs as Dagster and the command line run them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import dagster as dg
import pytest
from typer.testing import CliRunner

from batch_platform.core.failures import InvalidInput
from batch_platform.domains import load_settings
from batch_platform.operations.model import RANGE_END_TAG, RANGE_START_TAG, JobParameters
from batch_platform.registry import build_registry
from batch_platform.resources import build_resources
from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import Settings
from batch_platform.staffing.cli import app
from batch_platform.staffing.dagster import assets, definitions
from batch_platform.staffing.dagster.resource import StaffingResource
from batch_platform.staffing.service import StaffingContext, invariants, statuses, usage
from batch_platform.staffing.service.uptime import beat
from batch_platform_tests.staffing.facts import assignment, hold, load, rows

DAY = date(2026, 9, 10)
STATUSES = (assets.engineer_status, assets.account_findings)


class Staged(StaffingResource):
    """The resource on the context of a test."""

    staffing: ClassVar[StaffingContext | None] = None

    @contextmanager
    def open_context(self) -> Iterator[StaffingContext]:
        assert self.staffing is not None
        yield self.staffing


@pytest.fixture
def context(emptied: StaffingContext, monkeypatch: pytest.MonkeyPatch) -> StaffingContext:
    monkeypatch.setattr(Staged, "staffing", emptied)
    load(
        emptied,
        {"kind": "company", "company_id": 1, "name": "髙橋商事"},
        {"kind": "engineer", "engineer_id": 1, "company_id": 1},
        {"kind": "user", "user_id": 1, "company_id": 1},
        assignment(1, "2026-01-05", "2026-12-11"),
        hold(2, "育休", "2026-09-01"),
        {"kind": "api_request", "id": 1, "company_id": 1, "at": "2026-09-10T00:00:00Z", "feature": "search"},
    )
    return emptied


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def ran(
    instance: dg.DagsterInstance, selected: Any, first: date, last: date | None = None
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        selected,
        resources={"staffing": Staged(postgres=PostgresResource())},
        instance=instance,
        partition_key=str(first) if last is None else None,
        tags=None if last is None else {RANGE_START_TAG: str(first), RANGE_END_TAG: str(last)},
        raise_on_error=False,
    )


def checks(ended: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {each.check_name: each.passed for each in ended.get_asset_check_evaluations()}


def asked(schedule: str, at: datetime) -> list[tuple[str | None, dict[str, str]]]:
    """Partition and range of the runs that a schedule asks for at a tick."""
    settings = load_settings()
    repository = definitions.DAGSTER.definitions(settings, build_resources(settings)).get_repository_def()
    resources = {"staffing": Staged(postgres=PostgresResource()), "postgres": PostgresResource()}
    with dg.build_schedule_context(
        scheduled_execution_time=at, repository_def=repository, resources=resources
    ) as context:
        tick = repository.get_schedule_def(schedule).evaluate_tick(context)
    ranges = (RANGE_START_TAG, RANGE_END_TAG)
    return [
        (each.partition_key, {name: each.tags[name] for name in ranges if name in each.tags})
        for each in tick.run_requests or []
    ]


def test_statuses_of_missed_days_are_written_in_order(context: StaffingContext, instance: dg.DagsterInstance) -> None:
    assert ran(instance, STATUSES, DAY).success
    two = datetime(2026, 9, 14, 17, tzinfo=UTC)  # 02:00 of the 15th in Tokyo
    statuses.write_day(context, date(2026, 9, 13))
    assert asked("staffing_engineer_status_schedule", two) == [
        (None, {RANGE_START_TAG: "2026-09-11", RANGE_END_TAG: "2026-09-12"}),
        (None, {RANGE_START_TAG: "2026-09-14", RANGE_END_TAG: "2026-09-15"}),
    ]
    ended = ran(instance, STATUSES, date(2026, 9, 11), date(2026, 9, 12))
    assert checks(ended) == dict.fromkeys(invariants.STATUSES, True)
    [_, second] = ended.asset_materializations_for_node("staffing__engineer_status")
    assert second.metadata["outcome"].value["counts"] == {"waiting_soon": 1, "育休": 1}
    assert second.metadata["status waiting_soon"].value == 1
    assert "data:image/png" in str(second.metadata["statuses of 60 days"].value)
    [_, findings] = ended.asset_materializations_for_node("staffing__account_findings")
    assert findings.metadata["dagster/row_count"].value == 1
    assert asked("staffing_engineer_status_schedule", two) == [
        (None, {RANGE_START_TAG: "2026-09-14", RANGE_END_TAG: "2026-09-15"})
    ]


def test_a_day_whose_counts_do_not_add_up_fails_its_check(
    context: StaffingContext, instance: dg.DagsterInstance
) -> None:
    statuses.write_day(context, DAY)
    with context.store.transaction() as session:
        session.connection.execute("UPDATE status_changes SET status = 'waiting' WHERE engineer_id = '2'")
    found = {each.name: each.differences for each in invariants.of_statuses(context, DAY)}
    assert found["counts_add_up"] == ["waiting: 1 by the changes, 0 counted", "育休: 0 by the changes, 1 counted"]
    usage.aggregate(context, DAY)
    with context.store.transaction() as session:
        session.connection.execute("UPDATE usage_days SET company_id = '2', api_call_count = 5")
    found = {each.name: each.differences for each in invariants.of_usage(context, DAY + timedelta(days=2))}
    assert found["days_complete"] == ["2026-09-11", "2026-09-12"]
    found = {each.name: each.differences for each in invariants.of_usage(context, DAY)}
    assert found["every_company_once"] == ["1: has no row", "2: has a row and did not exist"]
    assert found["counts_add_up"] == ["api_call_count: 5, not 0", "feature_usage of 2: 1, not 5"]


def test_usage_is_one_step_of_four_assets(context: StaffingContext, instance: dg.DagsterInstance) -> None:
    beat(context)
    three = datetime(2026, 9, 11, 18, tzinfo=UTC)  # 03:00 of the 12th in Tokyo
    assert asked("staffing_daily_aggregation_schedule", three) == [("2026-09-11", {})]
    ended = ran(instance, [assets.staffing_day], DAY)
    assert checks(ended) == dict.fromkeys(invariants.USAGE, True)
    shown = {each.asset_key.path[-1]: each.metadata for each in ended.asset_materializations_for_node("staffing_day")}
    assert sorted(shown) == ["approach_metrics", "company_usage", "engineer_activity", "system_stats"]
    assert "data:image/png" in str(shown["company_usage"]["busiest companies"].value)
    assert shown["system_stats"]["requests"].value == "1"
    assert asked("staffing_daily_aggregation_schedule", three) == [("2026-09-11", {})]


def test_a_date_that_is_no_partition_is_refused(context: StaffingContext) -> None:
    registry = build_registry(load_settings())
    for name, now, fine in (
        ("DAILY_001", datetime(2026, 9, 10, 16, 59, tzinfo=UTC), date(2026, 9, 10)),
        ("DAILY_001", datetime(2026, 9, 10, 17, tzinfo=UTC), date(2026, 9, 11)),
        ("daily-data-aggregation", datetime(2026, 9, 10, 15, tzinfo=UTC), date(2026, 9, 10)),
    ):
        job = registry.get(name)
        assert job.launch(context.pool, JobParameters(), now).partition == str(fine)
        with pytest.raises(InvalidInput, match=f"lies outside the days 2016-01-01 to {fine}"):
            job.launch(context.pool, JobParameters(target_date=fine + timedelta(days=1)), now)


@pytest.fixture
def command(staffing_settings: Settings, monkeypatch: pytest.MonkeyPatch, clean_environment: None) -> CliRunner:
    monkeypatch.setenv("DATABASE_URL", staffing_settings.database())
    return CliRunner()


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_commands_answer_from_facts(
    context: StaffingContext, command: CliRunner, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    monkeypatch.setenv("PGTZ", zone)
    asking = command.invoke(
        app, ["status", "--date", "2026-09-12", "--known-at", "2026-09-12T02:00:00+09:00", "--json"]
    )
    assert json.loads(asking.stdout) == [
        {"engineer_id": 1, "status": "waiting_soon", "reason": "soon", "until": "2026-12-11"},
        {"engineer_id": 2, "status": "育休", "reason": "hold", "until": None},
    ]
    [row] = json.loads(command.invoke(app, ["usage", "--date", "2026-09-10", "--json"]).stdout)
    assert (row["company_id"], row["storage_usage_mb"], row["feature_usage"]) == (1, "0.00", {"search": 1})
    assert "is not a date" in command.invoke(app, ["usage", "--date", "2026-9-10"]).stderr
    assert rows(context, "SELECT count(*) FROM usage_days") == [(0,)]

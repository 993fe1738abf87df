"""The jobs of finops: what is launched for what is asked, dry runs, and runs over every project."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from batch_platform.core import postgres
from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.definitions import build_definitions
from batch_platform.finops import jobs, service
from batch_platform.finops.domain import DOMAIN
from batch_platform.finops.model import Budget
from batch_platform.finops.months import shift
from batch_platform.finops.settings import FinopsSettings
from batch_platform.operations.dagster.launch import Launcher
from batch_platform.operations.model import Schedule, Sensor
from batch_platform.operations.service import OperationsContext
from batch_platform.settings import Settings
from batch_platform_tests.finops.bucket import MONTH, csv_gz
from batch_platform_tests.finops.conftest import Project

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def fetch(pool: postgres.Pool, **parameters: Any):
    return jobs.plan_fetch(pool, jobs.FetchParameters(**parameters), NOW)


def aggregate(pool: postgres.Pool, **parameters: Any):
    return jobs.plan_aggregate(pool, jobs.AggregateParameters(**parameters), NOW)


def test_a_project_is_a_range_of_months(pool: postgres.Pool, project: Project) -> None:
    launch = fetch(pool, project_id=project.id)
    assert (launch.job, launch.partition) == ("cur_fetch", None)
    assert launch.partition_range == (f"2025-11|{project.id}", f"2026-11|{project.id}")
    assert launch.dynamic_partitions == {"finops_project": (project.id,)}
    one = fetch(pool, project_id=project.id, target_date=date(2026, 10, 15))
    assert (one.partition, one.partition_range) == (f"2026-10|{project.id}", None)
    waiting = aggregate(pool, project_id=project.id, limit=7)
    assert waiting.partition == f"2026-11|{project.id}"
    assert waiting.config["ops"]["finops__cur_line_items"]["config"] == {"limit": 7}
    project.bucket.deliver(MONTH, [csv_gz([project.line()])])
    project.fetch()
    assert aggregate(pool, project_id=project.id).partition == f"{MONTH:%Y-%m}|{project.id}"


def test_every_project_is_one_run_without_partitions(pool: postgres.Pool) -> None:
    assert (fetch(pool).job, aggregate(pool).job) == ("cur_fetch_all", "cur_aggregate_all")
    launch = aggregate(pool, target_date=date(2026, 10, 1))
    assert launch.config["ops"]["aggregate_projects"]["config"] == {"month": "2026-10", "limit": 100}


@pytest.mark.parametrize("target", [date(2015, 12, 31), date(2026, 12, 1), date(1970, 1, 1)])
def test_a_month_outside_is_refused(pool: postgres.Pool, target: date) -> None:
    for plan in (fetch, aggregate):
        with pytest.raises(InvalidInput, match="billing months 2016-01 to 2026-11") as refused:
            plan(pool, target_date=target)
        assert refused.value.field == "targetDate"


def test_older_months_are_asked_for_since_one(pool: postgres.Pool, project: Project) -> None:
    launch = fetch(pool, project_id=project.id, since="2020-03")
    assert launch.partition_range == (f"2020-03|{project.id}", f"2026-11|{project.id}")
    everyone = fetch(pool, since="2020-03")
    assert everyone.config == {"ops": {"fetch_projects": {"config": {"since": "2020-03"}}}}
    for wrong in ({"since": "2015-12"}, {"since": "2026-12"}, {"since": "2020-03", "target_date": date(2026, 9, 1)}):
        with pytest.raises(InvalidInput) as refused:
            fetch(pool, project_id=project.id, **wrong)
        assert refused.value.field == "since"


def test_months_of_a_former_connection_that_a_range_does_not_reach_make_it_a_run_over_all_projects(
    pool: postgres.Pool, project: Project, settings: Settings
) -> None:
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "5")])])
    project.run()
    project.reconnect(prefix="cur/other")
    launch = fetch(pool, project_id=project.id)
    assert (launch.job, launch.partition_range) == ("cur_fetch_all", None)
    assert Launcher(build_definitions(settings)).run(launch.job, config=launch.config).success
    with project.context.store.transaction() as session:
        assert session.months(project.id) == []
    assert fetch(pool, project_id=project.id).job == "cur_fetch"


def test_an_unknown_project_is_refused(pool: postgres.Pool) -> None:
    for dry_run in (False, True):
        with pytest.raises(NotFound):
            fetch(pool, project_id="nobody", dry_run=dry_run)
        with pytest.raises(NotFound):
            aggregate(pool, project_id="nobody", dry_run=dry_run)


def test_what_starts_them(settings: Settings) -> None:
    for job in DOMAIN.jobs(settings):
        assert job.sensor == Sensor("cur_manifest_sensor", every=timedelta(seconds=30))
        assert job.triggers[0] == job.sensor
    scheduled = DOMAIN.jobs(settings.having(FinopsSettings(CUR_BATCH_SCHEDULER_ENABLED=True)))
    assert [job.triggers[0] for job in scheduled] == [
        Schedule("cur_fetch_schedule", "0 * * * *"),
        Schedule("cur_aggregate_schedule", "15 * * * *"),
    ]


def test_a_dry_run_is_followed_and_writes_nothing(
    app: FastAPI, client: httpx.Client, operations: OperationsContext, project: Project, database: Callable[[], Any]
) -> None:
    """By the API, as the issue's acceptance asks; the run ends with what it would have done."""
    recent = shift(datetime.now(UTC).date().replace(day=1), -1)
    project.bucket.deliver(recent, [csv_gz([project.line(month=recent)]), csv_gz([project.line(month=recent)])])
    app.state.operations = operations
    before = database()
    asked = {"parameters": {"dryRun": True, "targetDate": f"{recent:%Y-%m}-01"}}
    answer = client.post(f"/api/projects/{project.id}/batch/cur-fetch", json=asked)
    assert answer.status_code == 202, answer.text
    run = answer.json()["data"]
    assert (run["jobName"], run["dagsterJob"], run["dryRun"]) == ("cur-fetch", "cur_fetch_dry_run", True)
    detail = operations.dagster.facts(run["runId"])
    assert detail is not None
    [row] = detail.dry_run_rows or ()
    assert (row["project"], row["delivery"], row["files"]) == (project.id, "registered", 2)
    assert database() == before
    project.fetch(recent)
    before = database()
    again = client.post(
        f"/api/projects/{project.id}/batch/cur-aggregate", json={"parameters": {"dryRun": True, "limit": 1}}
    )
    detail = operations.dagster.facts(again.json()["data"]["runId"])
    assert detail is not None
    [row] = detail.dry_run_rows or ()
    assert (row["files_to_read"], row["files"], row["would_be_published"]) == (1, 2, False)
    assert detail.dry_run_summary == "1 files would be read, 0 of 1 months published"
    assert database() == before


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"targetDate": 0}, "parameters.targetDate"),
        ({"dryRun": "off"}, "parameters.dryRun"),
        ({"limit": 0}, "parameters.limit"),
        ({"projectId": "other"}, "parameters.projectId"),
        ({"month": "2026-10"}, "parameters.month"),
        ({"targetDate": "2015-01-01"}, "parameters.targetDate"),
    ],
)
def test_parameters_are_strict(
    app: FastAPI,
    client: httpx.Client,
    operations: OperationsContext,
    project: Project,
    parameters: dict[str, Any],
    field: str,
) -> None:
    app.state.operations = operations
    answer = client.post(f"/api/projects/{project.id}/batch/cur-aggregate", json={"parameters": parameters})
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert client.post("/api/projects/nobody/batch/cur-aggregate").status_code == 404


def test_a_batch_is_started_from_the_project_page(
    app: FastAPI, client: httpx.Client, operations: OperationsContext, project: Project
) -> None:
    app.state.operations = operations
    asked = client.post(f"/console/projects/{project.id}/batch/cur-fetch", data={"dryRun": "true"})
    assert asked.status_code == 303
    run_id = asked.headers["location"].removeprefix("/console/runs/")
    [run] = operations.dagster.runs([run_id])
    assert (run.dagster_job, run.dry_run, run.parameters) == (
        "cur_fetch_dry_run",
        True,
        {"dryRun": True, "projectId": project.id},
    )


def test_the_dashboard_shows_the_cost_of_the_month(
    app: FastAPI, client: httpx.Client, operations: OperationsContext, project: Project
) -> None:
    app.state.operations = operations
    project.reconnect(project_id=f"0-{project.id}")  # the first of the card
    project.bucket.deliver(MONTH, [csv_gz([project.line("Usage", "1234.5")])])
    project.run()
    service.set_budget(project.context, Budget(project.id, "unblended", "USD", Decimal(1000)))
    shown = client.get("/console", headers={"Accept": "text/html"}).text
    assert "当月のコスト" in shown
    assert 'value="1234.50"' in shown
    assert "超過" in shown


@pytest.fixture
def no_others(operations: OperationsContext) -> Iterator[None]:
    """Projects that other files of tests have left are not among every project."""
    change = "UPDATE finops.finops_project_connections SET enabled = %s WHERE enabled = %s RETURNING project_id"
    with operations.pool.connection() as connection:
        left = [row[0] for row in connection.execute(change, (False, True))]
    yield
    with operations.pool.connection() as connection:
        query = "UPDATE finops.finops_project_connections SET enabled = true WHERE project_id = ANY(%s)"
        connection.execute(query, (left,))


@pytest.mark.usefixtures("no_others")
def test_one_run_does_every_project(settings: Settings, make_project: Callable[..., Project]) -> None:
    """Two that deliver and one whose bucket is gone: the run fails in the end, the others are done."""
    recent = shift(datetime.now(UTC).date().replace(day=1), -1)
    first, second, broken = make_project(), make_project(), make_project()
    for project in (first, second):
        project.bucket.deliver(recent, [csv_gz([project.line(month=recent)])])
    broken.reconnect(bucket="no-such-bucket-anywhere")
    launcher = Launcher(build_definitions(settings))
    fetched = launcher.run(
        "cur_fetch_all", config={"ops": {"fetch_projects": {"config": {"month": f"{recent:%Y-%m}"}}}}
    )
    assert not fetched.success
    assert "no-such-bucket-anywhere" in (fetched.reason or "")
    aggregated = launcher.run(
        "cur_aggregate_all", config={"ops": {"aggregate_projects": {"config": {"month": f"{recent:%Y-%m}"}}}}
    )
    assert aggregated.success, aggregated.reason
    for project in (first, second):
        assert project.context.is_published(project.id, recent)
        assert len(launcher.instance.get_materialized_partitions(jobs_key("cost_summary"))) >= 2


def jobs_key(name: str) -> Any:
    import dagster as dg

    return dg.AssetKey(["finops", name])


@pytest.fixture
def database(pool: postgres.Pool) -> Callable[[], Any]:
    """Every row of the registry tables, for telling that nothing was written."""

    def rows() -> Any:
        with postgres.transaction(pool) as connection:
            return [
                connection.execute(f"SELECT * FROM finops.{table} ORDER BY 1, 2, 3, 4").fetchall()
                for table in ("finops_billing_manifests", "finops_billing_files", "finops_months")
            ]

    return rows

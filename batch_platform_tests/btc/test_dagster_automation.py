"""The sensor, the recurring batch and the dry runs of btc as Dagster runs them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import dagster as dg
import pytest

from batch_platform.btc import jobs, service
from batch_platform.btc.dagster import definitions, sensors
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.btc.model import BatchStatus
from batch_platform.btc.money import btc_text
from batch_platform.btc.settings import BtcSettings
from batch_platform.core.clock import utc_now
from batch_platform.domains import load_settings
from batch_platform.registry import build_registry
from batch_platform.resources import build_resources
from batch_platform.settings import Settings
from batch_platform_tests.btc.dagster_tools import Staged, executed, resource, sentences
from batch_platform_tests.btc.service_tools import (
    ANN,
    Killed,
    Mortal,
    Stage,
    approved,
    balances,
    expected,
    made,
    open_users,
)

TICK = "2026-11-20T00:00:00+00:00"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def btc(provisioned: Settings, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[BtcResource]:
    """The resource on the clock of the test."""
    # runs of Dagster have the real time
    stage.clock.now = utc_now()
    monkeypatch.setattr(Staged, "context", stage.context())
    monkeypatch.setenv("BTC_ADJUSTMENT_RATE", "2.50")
    yield (made := resource(provisioned, stage, monkeypatch, Staged))
    made.postgres.teardown_after_execution(dg.build_init_resource_context())


@cache
def repository() -> dg.RepositoryDefinition:
    settings = load_settings()
    return definitions.DAGSTER.definitions(settings, build_resources(settings)).get_repository_def()


def looked(btc: BtcResource, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """What the sensor asks for at one look."""
    with (
        dg.partition_loading_context(dynamic_partitions_store=instance),
        dg.build_sensor_context(
            instance=instance, resources={"btc": btc, "postgres": btc.postgres}, repository_def=repository()
        ) as context,
    ):
        tick = repository().get_sensor_def("btc_batch_sensor").evaluate_tick(context)
    assert bool(tick.skip_message) is not bool(tick.run_requests)
    return list(tick.run_requests or [])


def partitions(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_dynamic_partitions(jobs.BATCHES))


def test_an_approved_batch_gets_its_run_once_the_approver_had_the_time_to_ask(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context()
    open_users(context)
    batch = service.create(context, "5", by=ANN)
    stage.later()
    # a batch that waits for a person has a partition and no run
    assert looked(btc, instance) == []
    assert partitions(instance) == {batch.batch_id}
    approved(context, batch)
    assert looked(btc, instance) == []
    stage.clock.now += sensors.QUIET
    [request] = looked(btc, instance)
    assert (request.job_name, request.partition_key) == ("btc_adjustment", batch.batch_id)
    assert request.tags[jobs.BATCH_TAG] == batch.batch_id
    # as the run that a person asks for
    by_hand = (
        build_registry(load_settings())
        .get(jobs.ADJUSTMENT)
        .launch(
            None,  # type: ignore[arg-type]  # which it does not need
            jobs.AdjustmentParameters(batch_id=batch.batch_id),
            stage.clock(),
        )
    )
    assert by_hand.tags.items() <= request.tags.items()
    # until Dagster has the run, the key keeps it from being asked for twice
    assert [again.run_key for again in looked(btc, instance)] == [request.run_key]


def test_money_does_not_wait_for_notices(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_users(stage.context())
    batch = made(stage.context())
    stage.later()
    monkeypatch.delenv("DATABASE_URL")
    assert [request.partition_key for request in looked(btc, instance)] == [batch.batch_id]


@pytest.mark.parametrize("tag", [jobs.BATCH_TAG, "dagster/partition"])
def test_a_batch_whose_run_is_going_or_has_just_ended_is_left_alone(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance, tag: str
) -> None:
    context = stage.context()
    open_users(context)
    stage.clock.now -= sensors.QUIET
    batch = made(context)
    stage.clock.now = utc_now()
    job = repository().get_job("btc_adjustment")
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags={tag: batch.batch_id})
    assert looked(btc, instance) == []
    instance.report_run_failed(run)
    assert looked(btc, instance) == []
    stage.later()
    assert len(looked(btc, instance)) == 1


def test_each_worker_that_dies_gives_another_run(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context(chunk_users=1)
    open_users(context)
    batch = made(context)
    # the beginning of a span in which the key stays the same, well after the approval
    stage.clock.now = datetime.fromtimestamp(utc_now().timestamp() // 300 * 300 + 600, UTC)
    keys = [looked(btc, instance)[0].run_key]
    for number in range(2):
        with pytest.raises(Killed):
            service.run(
                replace(stage.context(Mortal(stage.dynamodb, 3)), owner=f"elsewhere/{number}"), batch.batch_id
            )
        assert looked(btc, instance) == []
        stage.clock.now += timedelta(seconds=61)
        keys.append(looked(btc, instance)[0].run_key)
    # nor is a run that ended before it touched its batch the last one
    stage.later()
    keys.append(looked(btc, instance)[0].run_key)
    assert len(set(keys)) == 4


def test_a_plan_whose_creator_died_gets_a_run_of_its_own(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context()
    open_users(context)
    with pytest.raises(Killed):
        made(stage.context(Mortal(stage.dynamodb, 1)))
    assert looked(btc, instance) == []
    stage.later()
    [request] = looked(btc, instance)
    [pending] = service.history(context, BatchStatus.PENDING).batches
    assert (request.job_name, request.partition_key) == ("btc_plan", pending.batch_id)


def test_every_batch_gets_its_partition_however_many_there_are(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context()
    open_users(context)
    made_ids = set()
    for _ in range(service.lists.PAGE + 1):
        batch = service.create(context, "1", by=ANN)
        service.cancel(context, batch.batch_id, by=ANN)
        made_ids.add(batch.batch_id)
    assert looked(btc, instance) == []
    assert partitions(instance) == made_ids


def test_a_tick_makes_one_batch_that_waits_for_people(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance, settings: Settings
) -> None:
    context = stage.context()
    before = open_users(context)
    config = {"plan_recurring_batch": {"config": {"scheduled_at": TICK}}}
    for _ in range(2):
        ended = executed(settings, btc, instance, "btc_recurring", config)
        assert ended.success, sentences(ended)
    [batch] = service.history(context).batches
    assert (batch.status, batch.approvals, batch.created_by) == (BatchStatus.PLANNED, (), "system")
    assert (batch.adjustment_rate, batch.plan_sum) == (Decimal("2.5"), sum(expected(before, "2.5").values()))
    stage.later()
    assert looked(btc, instance) == []
    # the next one has to wait until people have decided about this one
    config = {"plan_recurring_batch": {"config": {"scheduled_at": "2026-11-21T00:00:00+00:00"}}}
    ended = executed(settings, btc, instance, "btc_recurring", config)
    assert sentences(ended) == [f"batch {batch.batch_id} is open: finish or cancel it first"]
    assert balances(context) == before


def test_a_recurring_batch_that_a_person_asks_for_is_of_its_run(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance, settings: Settings
) -> None:
    context = stage.context()
    open_users(context)
    for count in (1, 2):
        ended = executed(settings, btc, instance, "btc_recurring")
        assert ended.success, sentences(ended)
        [batch, *_] = service.history(context).batches
        service.cancel(context, batch.batch_id, by=ANN)
        assert service.history(context).total == count


def test_without_a_rate_there_is_no_recurring_batch(
    provisioned: Settings, stage: Stage, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    btc = resource(provisioned, stage, monkeypatch)
    for job in ("btc_recurring", "btc_recurring_dry_run"):
        ended = executed(provisioned, btc, instance, job)
        assert sentences(ended) == ["BTC_ADJUSTMENT_RATE is not set"]
    assert service.history(stage.context()).total == 0


def test_the_schedule_follows_the_settings(clean_environment: None, settings: Settings) -> None:
    assert repository().schedule_defs == []
    monthly = settings.having(BtcSettings(BTC_ADJUSTMENT_CRON="0 9 1 * *", BTC_ADJUSTMENT_RATE=Decimal("1E+1")))
    [schedule] = definitions.DAGSTER.definitions(monthly, build_resources(monthly)).schedules or []
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 9 1 * *", "Asia/Tokyo")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    resources = {"btc": None, "postgres": build_resources(monthly)["postgres"]}
    with dg.build_schedule_context(
        scheduled_execution_time=datetime.fromisoformat(TICK), resources=resources
    ) as context:
        [request] = schedule.evaluate_tick(context).run_requests or []
    assert request.run_key == TICK
    assert request.run_config == {"ops": {"plan_recurring_batch": {"config": {"scheduled_at": TICK}}}}
    assert build_registry(monthly).get("btc-recurring").triggers


def test_dry_runs_end_with_a_table_and_change_nothing(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance, settings: Settings
) -> None:
    context = stage.context()
    before = open_users(context)
    amounts = expected(before, "2.5")
    recurring = executed(settings, btc, instance, "btc_recurring_dry_run")
    rows = {row["rows"]: (row["users"], row["btc"]) for row in table(recurring)}
    total = btc_text(sum(amounts.values()))
    assert rows["to book"] == (len(amounts), total)
    assert rows["excluded, inactive"] == (2, "0.00000000")
    assert service.history(context).total == 0

    config = {"rehearse_adjustment": {"config": {"batch_id": service.create(context, "2.5", by=ANN).batch_id}}}
    [batch] = service.history(context).batches
    refused = executed(settings, btc, instance, "btc_adjustment_dry_run", config)
    assert sentences(refused) == [f"batch {batch.batch_id} waits for 1 more approval(s)"]
    approved(context, batch)
    rehearsed = table(executed(settings, btc, instance, "btc_adjustment_dry_run", config))
    assert {"state": "pending", "users": len(amounts), "btc": total} in rehearsed
    assert balances(context) == before
    service.run(context, batch.batch_id)
    rehearsed = table(executed(settings, btc, instance, "btc_adjustment_dry_run", config))
    assert {"state": "applied", "users": len(amounts), "btc": total} in rehearsed


def table(ended: dg.ExecuteInProcessResult) -> list[dict[str, Any]]:
    """The rows with which a dry run ends."""
    assert ended.success, sentences(ended)
    [output] = [event for event in ended.all_events if event.is_successful_output]
    metadata: Any = output.event_specific_data.metadata  # type: ignore[union-attr]
    assert metadata["summary"].value
    return [dict(record.data) for record in metadata["rows"].value.records]


@pytest.mark.parametrize("dry_run", [False, True])
def test_every_job_of_the_registry_launches_a_dagster_job_that_is_there(settings: Settings, dry_run: bool) -> None:
    names = {job.name for job in definitions.DAGSTER.definitions(settings, build_resources(settings)).jobs or []}
    registered = [job.entry for job in definitions.DAGSTER.jobs(settings)]
    assert [job.name for job in registered] == ["btc-adjustment", "btc-recurring"]
    batch_id = "01a1fc58-6911-790b-b05c-9ddc36c6fe42"
    for job in registered:
        more = {"batch_id": batch_id} if job.name == "btc-adjustment" else {}
        launch = job.launch(None, job.parameters(dry_run=dry_run, **more), utc_now())  # type: ignore[arg-type]
        assert launch.job in names
        assert launch.job.endswith("_dry_run") is dry_run
    assert {name for job in registered for name in job.dagster_jobs} <= names

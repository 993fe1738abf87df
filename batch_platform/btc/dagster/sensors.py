"""When btc runs by itself: a sensor on batches that wait for a worker, and the optional recurring batch."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import dagster as dg

from batch_platform.btc import service
from batch_platform.btc.dagster import run_metadata
from batch_platform.btc.dagster.partitions import BATCHES
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.btc.jobs import BATCH_TAG, LOOKS_EVERY
from batch_platform.btc.model import Batch
from batch_platform.btc.service import SYSTEM, BtcContext
from batch_platform.btc.settings import BtcSettings
from batch_platform.core.failures import InvalidInput, PlatformError
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.resources.failures import dagster_failures
from batch_platform.settings import Settings

ZONE: Final = "Asia/Tokyo"
QUIET: Final = timedelta(seconds=15)
"""Whoever approves a batch asks for its run himself, and Dagster runs a lost one again: the sensor lets them."""
ASKED_AGAIN: Final = timedelta(minutes=5)
"""So often a run may be asked for that ends before it touches its batch."""

_PARTITION_TAG: Final = "dagster/partition"
_GOING: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_PLAN: Final = dg.AssetSelection.assets(["btc", "btc_adjustment_plan"])

btc_adjustment: Final = dg.define_asset_job(
    "btc_adjustment",
    _PLAN | dg.AssetSelection.assets(["btc", "btc_adjustment_transactions"], ["btc", "btc_adjustment_report"]),
    description="Apply an approved batch, or resume one, prove it and report it.",
    tags={"dagster/max_runtime": "21600"},
)
btc_plan: Final = dg.define_asset_job(
    "btc_plan",
    _PLAN,
    description="Plan a batch again whose creator died before the seal.",
    tags={"dagster/max_runtime": "3600"},
)


class RecurringConfig(dg.Config):
    """Which tick of the schedule a recurring batch is of; none: a person asks for one."""

    scheduled_at: str | None = None  # ISO 8601


@dg.op(description="Plans and seals a batch of the rate in the settings; it waits for its approval.")
def plan_recurring_batch(
    context: dg.OpExecutionContext, config: RecurringConfig, btc: BtcResource
) -> dg.Output[None]:
    # the same tick, or the same run tried again, finds the batch it has made
    tick = config.scheduled_at or f"run {context.run.root_run_id or context.run.run_id}"
    with dagster_failures(context, STANDARD_RETRY), btc.work() as work:
        key = service.idempotency_key(f"recurring {tick}", by=SYSTEM, asked={})
        batch = service.create(work, recurring_rate(btc), by=SYSTEM, memo="Recurring adjustment", key=key)
        shown = run_metadata.of_plan(work, batch)
    return dg.Output(None, metadata=shown)


@dg.job(
    description="A batch of the rate in the settings, which people approve.", tags={"dagster/max_runtime": "3600"}
)
def btc_recurring() -> None:
    plan_recurring_batch()


ASSET_JOBS: Final = [btc_adjustment, btc_plan]


def recurring_rate(btc: BtcResource) -> str:
    """The rate of recurring batches. Raises `InvalidInput` where there is none."""
    if btc.recurring_rate is None:
        raise InvalidInput("BTC_ADJUSTMENT_RATE is not set", field="BTC_ADJUSTMENT_RATE")
    return btc.recurring_rate


@dg.sensor(
    name="btc_batch_sensor",
    jobs=[btc_adjustment, btc_plan],
    minimum_interval_seconds=int(LOOKS_EVERY.total_seconds()),
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Adds a partition for each new batch; requests runs for approved batches, for those whose worker "
    "died and for plans whose creator died; and tells what people are to know of batches.",
)
def btc_batch_sensor(context: dg.SensorEvaluationContext, btc: BtcResource) -> dg.SensorResult:
    with dagster_failures(), btc.work() as work:
        _add_partitions(context.instance, work)
        now = work.clock()
        wanted = [(btc_adjustment.name, batch) for batch in service.due(work)]
        wanted += [(btc_plan.name, batch) for batch in service.abandoned(work)]
        requests = [
            _request(job, batch, now) for job, batch in wanted if _nobody_at_it(context.instance, batch, now=now)
        ]
        try:
            service.publish(work, btc.pool())
        except PlatformError as error:
            # money first: the next look publishes again
            context.log.warning(f"what people are to know of batches could not be written: {error.message}")
    waits = "; ".join(f"batch {batch.batch_id} is being seen to" for _, batch in wanted)
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason(waits or "no batch waits for a worker"),
    )


def _add_partitions(instance: dg.DagsterInstance, work: BtcContext) -> None:
    """A partition for each batch that has none, from the newest back to a page of known ones."""
    name = BATCHES.name or ""
    cursor: str | None = None
    while True:
        page = service.history(work, cursor=cursor)
        new = [one.batch_id for one in page.batches if not instance.has_dynamic_partition(name, one.batch_id)]
        instance.add_dynamic_partitions(name, new)
        cursor = page.cursor
        if not new or cursor is None:
            return


def _nobody_at_it(instance: dg.DagsterInstance, batch: Batch, *, now: datetime) -> bool:
    """Whether no run of the batch is going or has just ended, and nobody has just approved it."""
    moments = [batch.created_at, batch.planned_at, batch.started_at, *(one.at for one in batch.approvals)]
    if max(at for at in moments if at is not None) > now - QUIET:
        return False
    tags = ({BATCH_TAG: batch.batch_id}, {_PARTITION_TAG: batch.batch_id})
    ended_lately = (dg.RunsFilter(tags=one, updated_after=now - QUIET) for one in tags)
    going = (dg.RunsFilter(tags=one, statuses=_GOING) for one in tags)
    return not any(instance.get_run_ids(one, limit=1) for one in (*going, *ended_lately))


def _request(job: str, batch: Batch, now: datetime) -> dg.RunRequest:
    """A run once for each worker that has had the batch."""
    turn = int(now.timestamp()) // int(ASKED_AGAIN.total_seconds())
    return dg.RunRequest(
        run_key=f"{job} {batch.batch_id} {batch.fencing} {turn}",
        job_name=job,
        partition_key=batch.batch_id,
        tags={BATCH_TAG: batch.batch_id},
    )


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The recurring batch at `BTC_ADJUSTMENT_CRON`; without it there is none."""
    cron = settings.of(BtcSettings).adjustment_cron
    if cron is None:
        return []

    @dg.schedule(
        name="btc_recurring_schedule",
        job=btc_recurring,
        cron_schedule=cron,
        execution_timezone=ZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Plans a batch of BTC_ADJUSTMENT_RATE, which waits for its approval.",
    )
    def btc_recurring_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
        tick = context.scheduled_execution_time.isoformat()
        config = {"ops": {plan_recurring_batch.name: {"config": {"scheduled_at": tick}}}}
        yield dg.RunRequest(run_key=tick, run_config=config)

    return [btc_recurring_schedule]

"""When zengin runs by itself: a sensor on drops, the 23:00 apply, the sweeper and retention."""

import json
from collections.abc import Iterator
from typing import Final

import dagster as dg

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.resources.failures import dagster_failures
from batch_platform.zengin.dagster.resource import ZenginResource
from batch_platform.zengin.dagster.sweeps import zengin_retention, zengin_sweep
from batch_platform.zengin.jobs import APPLY_CRON, RETENTION_CRON, SWEEP_CRON

ZONE: Final = "Asia/Tokyo"
_GOING: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

_SNAPSHOT: Final = dg.AssetSelection.assets(["zengin", "zengin_snapshot"])
_DIFF: Final = dg.AssetSelection.assets(["zengin", "zengin_diff"])

zengin_snapshot: Final = dg.define_asset_job(
    "zengin_snapshot", _SNAPSHOT, description="Keep a release as a snapshot.", tags={"dagster/max_runtime": "1800"}
)
zengin_diff: Final = dg.define_asset_job(
    "zengin_diff",
    _DIFF,
    description="Compare the newest snapshot with the master and raise what is to be reviewed.",
    tags={"dagster/max_runtime": "1800"},
)
zengin_intake: Final = dg.define_asset_job(
    "zengin_intake",
    _SNAPSHOT | _DIFF,
    description="Snapshot and diff of one drop; what the sensor requests.",
    tags={"dagster/max_runtime": "3600"},
)
zengin_apply: Final = dg.define_asset_job(
    "zengin_apply",
    dg.AssetSelection.assets(["zengin", "zengin_apply"], ["zengin", "bank_master"]),
    description="Apply what is approved for the business date, and look at the master.",
    tags={"dagster/max_runtime": "3600"},
)
JOBS: Final = [zengin_snapshot, zengin_diff, zengin_intake, zengin_apply]


@dg.sensor(
    name="zengin_drop_sensor",
    job=zengin_intake,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Lists the drops under incoming/ and requests a run for each new one: oldest first, one at a time.",
)
def zengin_drop_sensor(context: dg.SensorEvaluationContext, zengin: ZenginResource) -> dg.SensorResult:
    seen: dict[str, str] = json.loads(context.cursor or "{}")
    if context.instance.get_run_ids(dg.RunsFilter(job_name=zengin_intake.name, statuses=_GOING), limit=1):
        return dg.SensorResult(skip_reason=dg.SkipReason("a drop is being taken in"), cursor=context.cursor)
    with dagster_failures(), zengin.work() as work:
        there = work.drops()
        today = work.business_date()
    # one at a time: a release is compared with what the one before it left
    new = next((drop for drop in there if seen.get(drop.source) != drop.version), None)
    # what was deleted from the bucket need not be remembered: its run key still is
    seen = {drop.source: seen[drop.source] for drop in there if drop.source in seen}
    if new is None:
        return dg.SensorResult(skip_reason=dg.SkipReason("nothing new under incoming/"), cursor=_written(seen))
    request = dg.RunRequest(
        run_key=f"{new.source} {new.version}",
        partition_key=min(new.day, today).isoformat(),
        run_config={"ops": {"zengin__zengin_snapshot": {"config": {"source": new.source}}}},
    )
    return dg.SensorResult(run_requests=[request], cursor=_written(seen | {new.source: new.version}))


def _written(seen: dict[str, str]) -> str:
    return json.dumps(seen, sort_keys=True)


@dg.schedule(
    name="zengin_apply_schedule",
    job=zengin_apply,
    cron_schedule=APPLY_CRON,
    execution_timezone=ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="At 23:00 in Tokyo, what is approved for that day.",
)
def zengin_apply_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    day = context.scheduled_execution_time.astimezone(BUSINESS_ZONE).date().isoformat()
    yield dg.RunRequest(run_key=day, partition_key=day)


zengin_sweep_schedule: Final = dg.ScheduleDefinition(
    name="zengin_sweep_schedule",
    job=zengin_sweep,
    cron_schedule=SWEEP_CRON,
    execution_timezone=ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Expiry, leases that ran out, and the digest of what waits.",
)
zengin_retention_schedule: Final = dg.ScheduleDefinition(
    name="zengin_retention_schedule",
    job=zengin_retention,
    cron_schedule=RETENTION_CRON,
    execution_timezone=ZONE,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="change_history older than a year is deleted.",
)
SCHEDULES: Final = [zengin_apply_schedule, zengin_sweep_schedule, zengin_retention_schedule]

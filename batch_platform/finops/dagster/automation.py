"""When finops runs by itself: a sensor on manifests, and the two schedules of the spec."""

import json
from collections.abc import Iterator
from typing import Final

import dagster as dg

from batch_platform.finops import service
from batch_platform.finops.dagster.partitions import PROJECTS, partition_key
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.finops.manifest import POLLED_MONTHS
from batch_platform.finops.months import shift
from batch_platform.finops.service.context import QUIET
from batch_platform.finops.service.poll import MonthToRun
from batch_platform.finops.settings import FinopsSettings
from batch_platform.resources.failures import dagster_failures
from batch_platform.settings import Settings

REQUESTS_AT_MOST: Final = 25
BUSINESS_ZONE: Final = "Asia/Tokyo"

_AGGREGATE: Final = dg.AssetSelection.assets(
    ["finops", "cur_line_items"],
    ["finops", "cost_summary"],
    ["finops", "cost_service_monthly"],
    ["finops", "cost_anomalies"],
    ["finops", "cost_forecast"],
)

cur_fetch: Final = dg.define_asset_job(
    "cur_fetch",
    dg.AssetSelection.assets(["finops", "cur_manifest"]),
    description="Batch A (cur-fetch): register what AWS delivered for a project's months.",
    tags={"dagster/max_runtime": "1800"},
)
cur_aggregate: Final = dg.define_asset_job(
    "cur_aggregate",
    _AGGREGATE,
    description="Batch B (cur-aggregate): read registered files and publish the months they complete.",
    tags={"dagster/max_runtime": "10800"},
)
cur_month: Final = dg.define_asset_job(
    "cur_month",
    dg.AssetSelection.assets(["finops", "cur_manifest"]) | _AGGREGATE,
    description="Both batches for one project-month; what the sensor requests.",
    tags={"dagster/max_runtime": "10800"},
)


@dg.sensor(
    name="cur_manifest_sensor",
    job=cur_month,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Polls every enabled project's manifests of the last 13 months (one HEAD each when unchanged), and "
    "those of every known month after its connection has changed; adds partitions, and requests one run for each new "
    "delivery, withdrawn or stalled month.",
)
def cur_manifest_sensor(context: dg.SensorEvaluationContext, finops: FinopsResource) -> dg.SensorResult:
    requested: dict[str, str] = json.loads(context.cursor or "{}")
    with dagster_failures(), finops.work() as work:
        connections = work.enabled_connections()
        found = service.discover(work, connections, requested=requested, at_most=REQUESTS_AT_MOST)
    for sentence in (*found.errors, *found.waiting):
        context.log.warning(sentence)
    requested |= {month.place: month.token for month in found.wanted if month.token}
    context.instance.add_dynamic_partitions(PROJECTS.name or "", [c.project_id for c in connections])
    requests = [request for month in found.wanted for request in _requests(month)]
    reasons = "; ".join((*found.errors, *found.waiting)) or "every manifest is as it was"
    return dg.SensorResult(
        run_requests=requests,
        skip_reason=None if requests else dg.SkipReason(reasons),
        cursor=json.dumps(requested, sort_keys=True),
    )


def _requests(month: MonthToRun) -> Iterator[dg.RunRequest]:
    """A run a shard: they share the month's files by claims, and the last one publishes."""
    for shard in range(month.shards):
        suffix = f"/shard-{shard + 1}-of-{month.shards}" if month.shards > 1 else ""
        yield dg.RunRequest(
            run_key=f"{month.run_key}{suffix}",
            partition_key=partition_key(month.project_id, month.month),
            tags={"finops/project": month.project_id, "finops/month": f"{month.month:%Y-%m}"},
        )


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The spec's two schedules: on by `CUR_BATCH_SCHEDULER_ENABLED`, at `CUR_FETCH_CRON` and `CUR_AGGREGATE_CRON`."""
    own = settings.of(FinopsSettings)
    status = dg.DefaultScheduleStatus.RUNNING if own.scheduler_enabled else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name="cur_fetch_schedule",
        job=cur_fetch,
        cron_schedule=own.fetch_cron,
        execution_timezone=BUSINESS_ZONE,
        default_status=status,
        description="Batch A for every enabled project, a run each.",
    )
    def cur_fetch_schedule(context: dg.ScheduleEvaluationContext, finops: FinopsResource) -> Iterator[dg.RunRequest]:
        with dagster_failures(), finops.work() as work:
            projects = [connection.project_id for connection in work.enabled_connections()]
            with work.store.transaction() as session:
                stale = {project: session.stale_months(project) for project in projects}
        context.instance.add_dynamic_partitions(PROJECTS.name or "", projects)
        last = context.scheduled_execution_time.date().replace(day=1)
        for project in projects:
            yield dg.RunRequest(
                run_key=f"{context.scheduled_execution_time.isoformat()}/{project}",
                tags={
                    "dagster/asset_partition_range_start": partition_key(project, shift(last, 1 - POLLED_MONTHS)),
                    "dagster/asset_partition_range_end": partition_key(project, last),
                    "finops/project": project,
                },
            )
            for month in stale[project]:
                if month < shift(last, 1 - POLLED_MONTHS):
                    yield dg.RunRequest(
                        run_key=f"{context.scheduled_execution_time.isoformat()}/{project}/{month:%Y-%m}",
                        partition_key=partition_key(project, month),
                        tags={"finops/project": project, "finops/month": f"{month:%Y-%m}"},
                    )

    @dg.schedule(
        name="cur_aggregate_schedule",
        job=cur_aggregate,
        cron_schedule=own.aggregate_cron,
        execution_timezone=BUSINESS_ZONE,
        default_status=status,
        description="Batch B for every project-month with registered files that nobody works on.",
    )
    def cur_aggregate_schedule(
        context: dg.ScheduleEvaluationContext, finops: FinopsResource
    ) -> Iterator[dg.RunRequest | dg.SkipReason]:
        with dagster_failures(), finops.work() as work:
            months = work.months_to_aggregate(quiet_for=QUIET)
        context.instance.add_dynamic_partitions(PROJECTS.name or "", sorted({m.project_id for m in months}))
        if not months:
            yield dg.SkipReason("no files wait to be aggregated")
        for month in months[:REQUESTS_AT_MOST]:
            yield dg.RunRequest(
                run_key=f"{month.project_id}/{month.month:%Y-%m}/{month.version}/{month.attempts}",
                partition_key=partition_key(month.project_id, month.month),
                tags={"finops/project": month.project_id, "finops/month": f"{month.month:%Y-%m}"},
            )

    return [cur_fetch_schedule, cur_aggregate_schedule]

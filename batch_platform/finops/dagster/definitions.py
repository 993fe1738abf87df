"""What finops declares to Dagster and to the registry."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from batch_platform.finops.dagster import all_projects, assets, checks, dry_runs, sensors
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.finops.jobs import AggregateParameters, FetchParameters, plan_aggregate, plan_fetch
from batch_platform.finops.settings import FinopsSettings
from batch_platform.kit.jobs import DagsterRoom, DeclaredJob, Run, Schedule, Sensor, job
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.settings import Settings

_PUBLISHED: Final = (assets.cur_line_items, assets.publish_costs, assets.cost_anomalies, assets.cost_forecast)
_MANIFESTS: Final = Sensor(
    "cur_manifest_sensor",
    timedelta(seconds=30),
    "Polls every enabled project's manifests of the last 13 months (one HEAD each when unchanged), and those of "
    "every known month after its connection has changed; adds partitions, and requests one run for each new "
    "delivery, withdrawn or stalled month.",
    looks=sensors.new_deliveries,
    runs=("cur_month",),
)


def build_jobs(settings: Settings) -> tuple[DeclaredJob, ...]:
    """`cur-fetch` and `cur-aggregate`: by the sensor, and by the spec's schedules when these are switched on."""
    own = settings.of(FinopsSettings)
    common: dict[str, Any] = {
        "domain": "finops",
        "permission": "finops:operate",
        "deadline": timedelta(minutes=10),
    }
    return (
        job(
            id="CUR_001",
            name="cur-fetch",
            title=N_("Fetch cost reports"),
            description=N_("Registers what AWS delivered: manifests and their files, by project and month."),
            plan=plan_fetch,
            parameters=FetchParameters,
            runs=[
                Run("cur_fetch", [assets.cur_manifest]),
                Run("cur_fetch_all", all_projects.fetch_projects, "Batch A for every enabled project in one run."),
            ],
            dry_run=dry_runs.fetch,
            schedules=[Schedule("cur_fetch_schedule", own.fetch_cron, sensors.every_project, own.scheduler_enabled)],
            started_by=_MANIFESTS,
            max_duration=timedelta(minutes=30),
            **common,
        ),
        job(
            id="CUR_002",
            name="cur-aggregate",
            title=N_("Aggregate costs"),
            description=N_("Reads registered files and publishes the cost tables of the months they complete."),
            plan=plan_aggregate,
            parameters=AggregateParameters,
            runs=[
                Run("cur_aggregate", _PUBLISHED),
                Run(
                    "cur_month",
                    (assets.cur_manifest, *_PUBLISHED),
                    "Both batches for one project-month; what the sensor requests.",
                ),
                Run(
                    "cur_aggregate_all",
                    all_projects.aggregate_projects,
                    "Batch B for every enabled project in one run.",
                ),
            ],
            dry_run=dry_runs.aggregate,
            schedules=[
                Schedule("cur_aggregate_schedule", own.aggregate_cron, sensors.waiting_months, own.scheduler_enabled)
            ],
            sensor=_MANIFESTS,
            critical=True,
            max_duration=timedelta(hours=3),
            **common,
        ),
    )


DAGSTER: Final = DagsterRoom("finops", FinopsResource, build_jobs, asset_checks=[checks.delivery_fresh])

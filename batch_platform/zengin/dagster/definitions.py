"""What zengin declares to Dagster and to the registry."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from batch_platform.kit.jobs import DagsterRoom, DeclaredJob, Run, Schedule, Sensor, job
from batch_platform.web.i18n import N_
from batch_platform.zengin.dagster import assets, checks, dry_runs, housekeeping, sensors
from batch_platform.zengin.dagster.resource import ZenginResource
from batch_platform.zengin.jobs import SnapshotParameters, plan_apply, plan_diff, plan_snapshot

if TYPE_CHECKING:
    from batch_platform.settings import Settings

_HALF_AN_HOUR: Final = timedelta(minutes=30)
_HOUR: Final = timedelta(hours=1)


def build_jobs(_settings: Settings) -> tuple[DeclaredJob, ...]:
    """Snapshot, diff, apply at 23:00, the sweeper and retention."""
    common: dict[str, Any] = {"domain": "zengin", "permission": "jobs:run"}
    return (
        job(
            id="ZEN_001",
            name="zengin-snapshot",
            title=N_("Keep a release of the bank master"),
            description=N_("Reads a release, checks it and keeps it as the snapshot of a business date."),
            plan=plan_snapshot,
            parameters=SnapshotParameters,
            runs=[Run("zengin_snapshot", [assets.zengin_snapshot])],
            dry_run=dry_runs.snapshot,
            max_duration=_HALF_AN_HOUR,
            **common,
        ),
        job(
            id="ZEN_002",
            name="zengin-diff",
            title=N_("Compare the bank master"),
            description=N_("Compares the newest snapshot with the master and raises the changes to be reviewed."),
            plan=plan_diff,
            runs=[
                Run("zengin_diff", [assets.zengin_diff]),
                Run(
                    sensors.INTAKE,
                    [assets.zengin_snapshot, assets.zengin_diff],
                    "Snapshot and diff of one drop; what the sensor requests.",
                    _HOUR,
                ),
            ],
            dry_run=dry_runs.diff,
            sensor=Sensor(
                "zengin_drop_sensor",
                timedelta(seconds=30),
                "Lists the drops under incoming/ and requests a run for each new one: oldest first, one at a time.",
                looks=sensors.new_drop,
                runs=(sensors.INTAKE,),
            ),
            max_duration=_HALF_AN_HOUR,
            deadline=timedelta(minutes=10),
            **common,
        ),
        job(
            id="ZEN_003",
            name="zengin-apply",
            title=N_("Apply approved changes"),
            description=N_("Writes what was approved for the business date into the master, at 23:00 in Tokyo."),
            plan=plan_apply,
            runs=[Run("zengin_apply", [assets.zengin_apply, assets.bank_master])],
            dry_run=dry_runs.apply,
            schedules=[Schedule("zengin_apply_schedule", "0 23 * * *", sensors.day_of_the_tick)],
            critical=True,
            deadline=timedelta(minutes=15),
            **common,
        ),
        job(
            id="ZEN_004",
            name="zengin-sweep",
            title=N_("Sweep old changes"),
            description=N_("Lets old proposals lapse and mends what a killed application left."),
            runs=[Run("zengin_sweep", housekeeping.sweep_records, max_runtime=_HALF_AN_HOUR)],
            dry_run=dry_runs.sweep,
            schedules=[Schedule("zengin_sweep_schedule", "*/30 * * * *")],
            deadline=_HALF_AN_HOUR,
            **common,
        ),
        job(
            id="ZEN_005",
            name="zengin-retention",
            title=N_("Delete old history of the bank master"),
            description=N_("Deletes the history of changes that is older than a year."),
            runs=[Run("zengin_retention", housekeeping.purge_history, max_runtime=_HALF_AN_HOUR)],
            dry_run=dry_runs.retention,
            schedules=[Schedule("zengin_retention_schedule", "30 4 * * *")],
            deadline=timedelta(hours=2),
            **common,
        ),
    )


DAGSTER: Final = DagsterRoom("zengin", ZenginResource, build_jobs, asset_checks=[checks.source_fresh])

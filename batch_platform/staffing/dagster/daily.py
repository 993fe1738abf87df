"""The jobs of days: DAILY_001 to DAILY_003."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from batch_platform.kit.jobs import DeclaredJob, Run, Schedule, job
from batch_platform.staffing import jobs as launches
from batch_platform.staffing.dagster import assets, dry_runs, sensors
from batch_platform.web.i18n import N_

_STATUSES: Final = (assets.engineer_status, assets.account_findings)


def jobs() -> tuple[DeclaredJob, ...]:
    common: dict[str, Any] = {
        "domain": "staffing",
        "permission": "staffing:operate",
        "deadline": timedelta(minutes=15),
    }
    return (
        job(
            id="DAILY_001",
            name="engineer-status-update",
            title=N_("Set the status of engineers"),
            description=N_("Works out who is working, waiting soon or waiting, and checks accounts beside it."),
            plan=launches.plan_statuses,
            runs=[Run(launches.STATUSES, _STATUSES)],
            dry_run=dry_runs.statuses,
            schedules=[Schedule(f"{launches.STATUSES}_schedule", "0 2 * * *", sensors.missing_statuses)],
            retry=launches.STATUS_RETRY,
            **common,
        ),
        job(
            id="DAILY_002",
            name="daily-data-aggregation",
            title=N_("Aggregate the data of a day"),
            description=N_("Counts what companies used, and how the system, engineers and approaches did."),
            plan=launches.plan_usage,
            runs=[Run(launches.USAGE, [assets.staffing_day])],
            dry_run=dry_runs.usage,
            schedules=[Schedule(f"{launches.USAGE}_schedule", "0 3 * * *", sensors.missing_usage)],
            **common,
        ),
        job(
            id="DAILY_003",
            name="daily-backup",
            title=N_("Back up and prove the backup"),
            description=N_("Encrypts database and files, restores the backup for proof, then deletes old ones."),
            plan=launches.plan_backup,
            runs=[Run(launches.BACKUP, [assets.backup])],
            dry_run=dry_runs.backup,
            schedules=[Schedule(f"{launches.BACKUP}_schedule", "0 1 * * *", sensors.tonight)],
            retry=launches.BACKUP_RETRY,
            critical=True,
            max_duration=timedelta(hours=4),
            **common,
        ),
    )

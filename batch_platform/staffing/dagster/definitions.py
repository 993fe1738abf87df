"""What staffing declares to Dagster and to the registry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from batch_platform.kit.jobs import DeclaredJob, Run, Schedule, definitions, job
from batch_platform.staffing import jobs
from batch_platform.staffing.dagster import assets, dry_runs, sensors
from batch_platform.staffing.dagster.resource import StaffingResource
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build(settings: Settings, given: Mapping[str, Any]) -> dg.Definitions:
    """Assets with their checks, jobs and schedules of the domain, and its resource made of the platform's."""
    return definitions(
        build_jobs(settings),
        assets=(assets.backup,),
        resources={"staffing": StaffingResource(postgres=given["postgres"])},
    )


def build_jobs(settings: Settings) -> tuple[DeclaredJob, ...]:  # noqa: ARG001 (every domain is built from them)
    """The jobs of the SaaS, by the ids of its own document."""
    common: dict[str, Any] = {"domain": "staffing", "permission": "staffing:operate"}
    return (
        job(
            id="DAILY_003",
            name="daily-backup",
            title=N_("Back up and prove the backup"),
            description=N_("Encrypts database and files, restores the backup for proof, then deletes old ones."),
            plan=jobs.plan_backup,
            runs=[Run(jobs.BACKUP, [assets.backup])],
            dry_run=dry_runs.backup,
            schedules=[Schedule(f"{jobs.BACKUP}_schedule", "0 1 * * *", sensors.tonight)],
            retry=jobs.BACKUP_RETRY,
            critical=True,
            max_duration=timedelta(hours=4),
            deadline=timedelta(minutes=15),
            **common,
        ),
    )

"""The jobs of zengin as operations knows them: what they take, what they launch, when they are due."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from batch_platform.operations.model import Job, JobParameters, Launch, Schedule, Sensor
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from datetime import date

    from batch_platform.core.postgres import Pool
    from batch_platform.settings import Settings

APPLY_CRON: Final = "0 23 * * *"
SWEEP_CRON: Final = "*/30 * * * *"
RETENTION_CRON: Final = "30 4 * * *"
"""In Tokyo; the Dagster schedules take them from here."""


class SnapshotParameters(JobParameters):
    """What zengin-snapshot takes; nothing named: the drops of the business date."""

    source: Annotated[str, Field(min_length=1, max_length=1024, pattern=r"^s3://[^/]+/.+")] | None = Field(
        default=None, title=N_("Source"), description=N_("s3:// address of a release. Empty: the drops of the date.")
    )
    bootstrap: bool = Field(
        default=False, title=N_("Bootstrap"), description=N_("Fill an empty master from this release.")
    )


def build_jobs(settings: Settings) -> tuple[Job, ...]:  # noqa: ARG001 (every domain is built from the settings)
    """Snapshot, diff, apply at 23:00, the sweeper and retention."""
    common: dict[str, Any] = {"domain": "zengin", "owner": "team:zengin"}
    return (
        Job(
            id="ZEN_001",
            name="zengin-snapshot",
            title=N_("Keep a release of the bank master"),
            description=N_("Reads a release, checks it and keeps it as the snapshot of a business date."),
            dagster_jobs=("zengin_snapshot",),
            plan=plan_snapshot,
            parameters=SnapshotParameters,
            permission="jobs:run",
            max_duration=timedelta(minutes=30),
            **common,
        ),
        Job(
            id="ZEN_002",
            name="zengin-diff",
            title=N_("Compare the bank master"),
            description=N_("Compares the newest snapshot with the master and raises the changes to be reviewed."),
            dagster_jobs=("zengin_diff", "zengin_intake"),
            plan=plan_diff,
            permission="jobs:run",
            trigger=Sensor("zengin_drop_sensor", every=timedelta(seconds=30)),
            max_duration=timedelta(minutes=30),
            deadline=timedelta(minutes=10),
            **common,
        ),
        Job(
            id="ZEN_003",
            name="zengin-apply",
            title=N_("Apply approved changes"),
            description=N_("Writes what was approved for the business date into the master, at 23:00 in Tokyo."),
            dagster_jobs=("zengin_apply",),
            plan=plan_apply,
            permission="jobs:run",
            critical=True,
            trigger=Schedule("zengin_apply_schedule", APPLY_CRON),
            deadline=timedelta(minutes=15),
            **common,
        ),
        Job(
            id="ZEN_004",
            name="zengin-sweep",
            title=N_("Sweep old changes"),
            description=N_("Lets old proposals lapse and mends what a killed application left."),
            dagster_jobs=("zengin_sweep",),
            plan=plan_sweep,
            permission="jobs:run",
            trigger=Schedule("zengin_sweep_schedule", SWEEP_CRON),
            deadline=timedelta(minutes=30),
            **common,
        ),
        Job(
            id="ZEN_005",
            name="zengin-retention",
            title=N_("Delete old history of the bank master"),
            description=N_("Deletes the history of changes that is older than a year."),
            dagster_jobs=("zengin_retention",),
            plan=plan_retention,
            permission="jobs:run",
            trigger=Schedule("zengin_retention_schedule", RETENTION_CRON),
            deadline=timedelta(hours=2),
            **common,
        ),
    )


def plan_snapshot(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:  # noqa: ARG001 (the protocol's)
    """One business date; a source may be named. Raises `InvalidInput`."""
    asked = (
        parameters if isinstance(parameters, SnapshotParameters) else SnapshotParameters(**parameters.model_dump())
    )
    day = _day(asked.target_date, now)
    config = {"source": asked.source, "bootstrap": asked.bootstrap}
    if asked.dry_run:
        return _rehearsal("zengin_snapshot", "rehearse_snapshot", date=day.isoformat(), **config)
    return _of_day("zengin_snapshot", day, {"ops": {"zengin__zengin_snapshot": {"config": _given(config)}}})


def plan_diff(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:  # noqa: ARG001 (the protocol's)
    """One business date. Raises `InvalidInput`."""
    day = _day(parameters.target_date, now)
    if parameters.dry_run:
        return _rehearsal("zengin_diff", "rehearse_diff", date=day.isoformat())
    return _of_day("zengin_diff", day)


def plan_apply(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:  # noqa: ARG001 (the protocol's)
    """One business date; a future one would apply before its day. Raises `InvalidInput`."""
    day = _day(parameters.target_date, now)
    if parameters.dry_run:
        return _rehearsal("zengin_apply", "rehearse_apply", date=day.isoformat())
    return _of_day("zengin_apply", day)


def plan_sweep(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:  # noqa: ARG001 (the protocol's)
    return Launch(job="zengin_sweep_dry_run" if parameters.dry_run else "zengin_sweep")


def plan_retention(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:  # noqa: ARG001 (the protocol's)
    return Launch(job="zengin_retention_dry_run" if parameters.dry_run else "zengin_retention")


def _day(target: date | None, now: datetime) -> date:
    from batch_platform.zengin.model import business_day

    return business_day(target, now, field="targetDate")


def _of_day(job: str, day: date, config: dict[str, Any] | None = None) -> Launch:
    return Launch(job=job, partition=day.isoformat(), config=config or {}, tags={"zengin/date": day.isoformat()})


def _rehearsal(job: str, op: str, **config: Any) -> Launch:
    tags = {"zengin/date": str(config["date"])}
    return Launch(job=f"{job}_dry_run", config={"ops": {op: {"config": _given(config)}}}, tags=tags)


def _given(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if value not in (None, False)}

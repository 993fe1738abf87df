"""The jobs of btc as operations knows them: what they take, what they launch, when they are due."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from batch_platform.btc.settings import BtcSettings
from batch_platform.operations.model import Job, JobParameters, Launch, Schedule, Sensor
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool
    from batch_platform.settings import Settings

ADJUSTMENT: Final = "btc-adjustment"
RECURRING: Final = "btc-recurring"
BATCHES: Final = "btc_batch"
"""The dynamic partitions: a batch each."""
BATCH_TAG: Final = "btc/batch"
"""Runs with the same value follow each other in the queue: a batch has one worker at a time."""
LOOKS_EVERY: Final = timedelta(seconds=10)

BATCH_ID: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


class AdjustmentParameters(JobParameters):
    """What btc-adjustment takes: the batch to apply, approved or left by a worker that died."""

    batch_id: Annotated[str, Field(pattern=BATCH_ID)] = Field(
        title=N_("Batch"), description=N_("An approved batch, or one whose worker died.")
    )


def build_jobs(settings: Settings) -> tuple[Job, ...]:
    """The application of approved batches, and the recurring one that waits for approval."""
    common: dict[str, Any] = {"domain": "btc", "owner": "team:btc", "permission": "batch:execute"}
    cron = settings.of(BtcSettings).adjustment_cron
    return (
        Job(
            id="BTC_001",
            name=ADJUSTMENT,
            title=N_("Apply a BTC adjustment"),
            description=N_("Books the sealed rows of an approved batch, user by user, and proves the result."),
            dagster_jobs=("btc_adjustment", "btc_plan"),
            plan=plan_adjustment,
            parameters=AdjustmentParameters,
            sensor=Sensor("btc_batch_sensor", every=LOOKS_EVERY),
            critical=True,
            max_duration=timedelta(hours=6),
            deadline=timedelta(minutes=5),
            **common,
        ),
        Job(
            id="BTC_002",
            name=RECURRING,
            title=N_("Plan the recurring BTC adjustment"),
            description=N_("Plans and seals a batch of the rate in the settings; people approve it."),
            dagster_jobs=("btc_recurring",),
            plan=plan_recurring,
            schedules=() if cron is None else (Schedule("btc_recurring_schedule", cron),),
            max_duration=timedelta(hours=1),
            deadline=timedelta(minutes=30),
            **common,
        ),
    )


def plan_adjustment(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:  # noqa: ARG001 (the protocol's)
    """One batch, its partition added where it is not there yet."""
    asked = (
        parameters
        if isinstance(parameters, AdjustmentParameters)
        else AdjustmentParameters.model_validate(parameters.model_dump())
    )
    tags = {BATCH_TAG: asked.batch_id}
    if asked.dry_run:
        config = {"ops": {"rehearse_adjustment": {"config": {"batch_id": asked.batch_id}}}}
        return Launch(job="btc_adjustment_dry_run", config=config)
    return Launch(
        job="btc_adjustment",
        partition=asked.batch_id,
        dynamic_partitions={BATCHES: (asked.batch_id,)},
        tags=tags,
    )


def plan_recurring(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:  # noqa: ARG001 (the protocol's)
    return Launch(job="btc_recurring_dry_run" if parameters.dry_run else "btc_recurring")

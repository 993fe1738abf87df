"""What the jobs of btc take, and what they launch for it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from batch_platform.operations.model import JobParameters, Launch
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool

ADJUSTMENT: Final = "btc-adjustment"
BATCHES: Final = "btc_batch"
"""The dynamic partitions: a batch each."""
BATCH_TAG: Final = "btc/batch"
"""Runs with the same value follow each other in the queue: a batch has one worker at a time."""

BATCH_ID: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


class AdjustmentParameters(JobParameters):
    """What btc-adjustment takes: the batch to apply, approved or left by a worker that died."""

    batch_id: Annotated[str, Field(pattern=BATCH_ID)] = Field(
        title=N_("Batch"), description=N_("An approved batch, or one whose worker died.")
    )


def plan_adjustment(_pool: Pool | None, parameters: AdjustmentParameters, _now: datetime) -> Launch:
    """One batch, its partition added where it is not there yet."""
    if parameters.dry_run:
        return Launch.of_op("btc_adjustment_dry_run", "rehearse_adjustment", batch_id=parameters.batch_id)
    return of_batch("btc_adjustment", parameters.batch_id)


def of_batch(job: str, batch_id: str) -> Launch:
    """One run of a batch."""
    tags, partitions = {BATCH_TAG: batch_id}, {BATCHES: (batch_id,)}
    return Launch(job, partition=batch_id, dynamic_partitions=partitions, tags=tags)

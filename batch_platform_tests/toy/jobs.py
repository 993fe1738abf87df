"""The job of toy as operations knows it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from batch_platform.operations.model import Job, JobParameters, Launch

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool
    from batch_platform.settings import Settings


def build_jobs(settings: Settings) -> tuple[Job, ...]:
    return (
        Job(
            id="TOY_001",
            name="toy-wind",
            title="Wind all toys",
            description="Gives every toy its turns.",
            domain="toy",
            owner="team:toy",
            dagster_jobs=("toy_wind",),
            plan=_plan,
            permission="toys:wind",
        ),
    )


def _plan(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    return Launch(job="toy_wind")

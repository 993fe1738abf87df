"""What the jobs of staffing take, and what they launch for it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from batch_platform.core.failures import InvalidInput
from batch_platform.core.retry import RetryConfig
from batch_platform.operations.model import JobParameters, Launch
from batch_platform.staffing.instants import business_day

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool

BEGIN: Final = date(2024, 1, 1)
"""The first partition."""

BACKUP: Final = "staffing_backup"
BACKUP_RETRY: Final = RetryConfig(
    max_attempts=2, backoff="fixed", base_delay=timedelta(seconds=30), max_delay=timedelta(seconds=30)
)


def plan_backup(_pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    """The night of today, or an earlier one that is stored. Raises `InvalidInput`."""
    tonight = business_day(now)
    day = parameters.target_date or tonight
    if not BEGIN <= day <= tonight:
        raise InvalidInput(
            "outside-days",
            "{date} lies outside the days {first} to {last}",
            date=day,
            first=BEGIN,
            last=tonight,
            field="targetDate",
        )
    if parameters.dry_run:
        return Launch.of_op(f"{BACKUP}_dry_run", "rehearse_backup", partition=day.isoformat())
    return Launch(BACKUP, partition=day.isoformat())

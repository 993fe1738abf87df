"""How staffing is partitioned: business days in Tokyo."""

from __future__ import annotations

from datetime import date
from typing import Final

import dagster as dg

from batch_platform.staffing.jobs import BEGIN

RUN_DAYS: Final = dg.DailyPartitionsDefinition(start_date=BEGIN.isoformat(), timezone="Asia/Tokyo", end_offset=1)
"""Days on which a job runs, today's among them."""


def days(context: dg.AssetExecutionContext) -> list[tuple[str, date]]:
    """The key and the day of every partition of this run, oldest first."""
    return [(key, date.fromisoformat(key)) for key in sorted(map(str, context.partition_keys))]

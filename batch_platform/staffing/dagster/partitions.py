"""How staffing is partitioned: days and months in Tokyo."""

from __future__ import annotations

from datetime import date
from typing import Final

import dagster as dg

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.staffing.jobs import BEGIN

RUN_DAYS: Final = dg.DailyPartitionsDefinition(start_date=BEGIN.isoformat(), timezone=BUSINESS_ZONE.key, end_offset=1)
"""Days on which a job runs, today among them."""

ENDED_DAYS: Final = dg.DailyPartitionsDefinition(start_date=BEGIN.isoformat(), timezone=BUSINESS_ZONE.key)
"""Days that are over."""

SUNDAYS: Final = dg.WeeklyPartitionsDefinition(start_date=BEGIN.isoformat(), timezone=BUSINESS_ZONE.key, end_offset=1)
"""Sundays, today among them."""

WEEKS: Final = dg.WeeklyPartitionsDefinition(start_date=BEGIN.isoformat(), timezone=BUSINESS_ZONE.key, day_offset=1)
"""Weeks that are over, by the Monday that begins them."""

ENDED_MONTHS: Final = dg.MonthlyPartitionsDefinition(start_date=BEGIN.isoformat(), timezone=BUSINESS_ZONE.key)
"""Months that are over, by their first days."""


def days(context: dg.AssetExecutionContext) -> list[tuple[str, date]]:
    """The key and the day of every partition of this run, oldest first; of a month its first."""
    return [(key, date.fromisoformat(key)) for key in sorted(map(str, context.partition_keys))]

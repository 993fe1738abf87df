"""How trading is partitioned: ten minutes, hours, days and Sundays of UTC, and campaigns."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

import dagster as dg

from batch_platform.trading.jobs import BEGIN, CAMPAIGNS, INSTANT_KEY

_FIRST: Final = f"{BEGIN:%Y-%m-%d}-00:00"

# All but the days are worked on as soon as they begin: a tick lies in its ten minutes, an hour is its first instant.
WINDOWS: Final = dg.TimeWindowPartitionsDefinition(
    cron_schedule="*/10 * * * *", start=_FIRST, fmt=INSTANT_KEY, timezone="UTC", end_offset=1
)
HOURS: Final = dg.HourlyPartitionsDefinition(start_date=_FIRST, fmt=INSTANT_KEY, timezone="UTC", end_offset=1)
DAYS: Final = dg.DailyPartitionsDefinition(start_date=BEGIN.isoformat(), timezone="UTC")
SUNDAYS: Final = dg.WeeklyPartitionsDefinition(start_date=BEGIN.isoformat(), timezone="UTC", end_offset=1)
EACH_CAMPAIGN: Final = dg.DynamicPartitionsDefinition(name=CAMPAIGNS)


def instants(context: dg.AssetExecutionContext) -> list[tuple[str, datetime]]:
    """The key and the begin of all ten minutes or hours of this run, in the order of time."""
    return [(key, instant_of(key)) for key in sorted(map(str, context.partition_keys))]


def days(context: dg.AssetExecutionContext) -> list[tuple[str, date]]:
    """The key and the day of all days or weeks of this run, in the order of time."""
    return [(key, date.fromisoformat(key)) for key in sorted(map(str, context.partition_keys))]


def campaigns(context: dg.AssetExecutionContext) -> list[tuple[str, str]]:
    """The key and the name of all campaigns of this run."""
    return [(key, key) for key in sorted(map(str, context.partition_keys))]


def instant_of(key: str) -> datetime:
    """The begin of ten minutes or of an hour."""
    return datetime.strptime(key, INSTANT_KEY).replace(tzinfo=UTC)

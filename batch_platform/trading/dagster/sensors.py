"""When trading runs by itself: ticks when they are due, and every hour, day and week that is missing.

Whoever was away asks for all that he missed in one run, in the order of time. A missed tick is not asked for: nobody
knows any more what the price was.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, timedelta
from typing import Final

import dagster as dg

from batch_platform.kit.jobs import Request, Tick
from batch_platform.trading.cadence import window_of
from batch_platform.trading.jobs import INTEREST, RETENTION, of_days, of_hours
from batch_platform.trading.service import recurring

INTEREST_INDEX: Final = dg.AssetKey(["trading", "interest_index"])

_DAY: Final = timedelta(days=1)


def due_tick(tick: Tick) -> Iterator[Request]:
    """The tick of these ten minutes, while they last."""
    with tick.resource.open_context() as context:
        is_late = window_of(context.clock()) != window_of(tick.at)
        if not is_late and recurring.live_campaigns(context):
            yield Request(run_key=tick.at.isoformat())


def each_time(tick: Tick) -> Iterator[Request]:
    """A run at each tick, where there is a live campaign."""
    with tick.resource.open_context() as context:
        if recurring.live_campaigns(context):
            yield Request(run_key=tick.at.isoformat())


def missing_hours(tick: Tick) -> Iterator[Request]:
    """From the first hour without a snapshot to the last."""
    with tick.resource.open_context() as context:
        hours = recurring.missing_hours(context, tick.at)
    if hours:
        yield Request(run_key=tick.at.isoformat(), launch=of_hours(hours[0], hours[-1]))


def missing_days(tick: Tick) -> Iterator[Request]:
    """From the day after the last that a run has shown to yesterday.

    Orders and ticks accrue days, too: the tables do not tell since when Dagster was away.
    """
    yesterday = tick.at.astimezone(UTC).date() - _DAY
    with tick.resource.open_context() as context:
        first = recurring.first_day(context)
    if first is not None:
        shown = map(date.fromisoformat, tick.instance.get_materialized_partitions(INTEREST_INDEX))
        first = max([first, *(day + _DAY for day in shown)])
        if first <= yesterday:
            yield Request(run_key=tick.at.isoformat(), launch=of_days(INTEREST, first, yesterday))


def missing_weeks(tick: Tick) -> Iterator[Request]:
    """From the first Sunday as of which nobody has thinned to the last."""
    with tick.resource.open_context() as context:
        sundays = recurring.missing_weeks(context, tick.at.astimezone(UTC).date())
    if sundays:
        yield Request(run_key=tick.at.isoformat(), launch=of_days(RETENTION, sundays[0], sundays[-1]))

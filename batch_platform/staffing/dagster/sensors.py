"""When staffing runs by itself: the backup of a night, and every other day that is missing.

Whoever was away asks for all days that were missed, in their order: those that follow each other in one run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from batch_platform.kit.jobs import Request, Tick
from batch_platform.operations.model import JobParameters
from batch_platform.staffing.instants import business_day
from batch_platform.staffing.jobs import PERFORMANCE, STATUSES, USAGE, of_days
from batch_platform.staffing.service import performance, statuses, usage
from batch_platform.staffing.weeks import WEEK, newest_sunday


def missing_statuses(tick: Tick) -> Iterator[Request]:
    """Up to the day of the tick."""
    with tick.resource.open_context() as context:
        missing = statuses.missing_days(context, business_day(tick.at))
    yield from in_stretches(tick, STATUSES, missing)


def missing_usage(tick: Tick) -> Iterator[Request]:
    """Up to the day before the tick."""
    with tick.resource.open_context() as context:
        missing = usage.missing_days(context, business_day(tick.at))
    yield from in_stretches(tick, USAGE, missing)


def tonight(tick: Tick) -> Iterator[Request]:
    """The day of the tick: a night that was missed cannot be backed up any more."""
    day = business_day(tick.at)
    yield Request(JobParameters(target_date=day), run_key=day.isoformat())


def this_sunday(tick: Tick) -> Iterator[Request]:
    """The newest Sunday: maintenance that was missed is made up for by that of the next."""
    sunday = newest_sunday(business_day(tick.at))
    yield Request(JobParameters(target_date=sunday), run_key=sunday.isoformat())


def missing_performance(tick: Tick) -> Iterator[Request]:
    """Up to the week that has ended, as far back as requests are kept."""
    with tick.resource.open_context() as context:
        missing = performance.missing_weeks(context, business_day(tick.at))
    yield from in_stretches(tick, PERFORMANCE, missing, step=WEEK)


def in_stretches(
    tick: Tick, job: str, days: Sequence[date], *, step: timedelta = timedelta(days=1)
) -> Iterator[Request]:
    """A run for each stretch of days or weeks, which are given in order."""
    begins = [day for day in days if day - step not in days]
    for first, following in zip(begins, [*begins[1:], date.max], strict=True):
        last = max(day for day in days if day < following)
        yield Request(run_key=f"{tick.at.isoformat()} {first}", launch=of_days(job, first, last))

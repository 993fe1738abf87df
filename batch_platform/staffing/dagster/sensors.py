"""When the jobs of staffing run by themselves."""

from __future__ import annotations

from collections.abc import Iterator

from batch_platform.kit.jobs import Request, Tick
from batch_platform.operations.model import JobParameters
from batch_platform.staffing.instants import business_day


def tonight(tick: Tick) -> Iterator[Request]:
    """The day of the tick: a night that was missed cannot be backed up any more."""
    day = business_day(tick.at)
    yield Request(JobParameters(target_date=day), run_key=day.isoformat())

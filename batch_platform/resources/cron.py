"""Cron as Dagster's schedules read it: by their own reader, so that a deadline is of the schedule's moments."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import dropwhile
from typing import TYPE_CHECKING, Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

_SOME_DAY: Final = datetime(2024, 1, 1, tzinfo=UTC)


def due_after(cron: str, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """The moments after `moment`, in UTC, at which a schedule of that `cron` and time zone ticks.

    Raises `InvalidInput` for a cron that is none to schedules.
    """
    if fault := cron_fault(cron, zone):
        raise InvalidInput("bad-cron", "{cron} is {fault}", cron=repr(cron), fault=fault, field="cron")
    ticks = (tick.astimezone(UTC) for tick in _ticks(cron, moment, zone))
    return dropwhile(lambda tick: tick <= moment, ticks)


def cron_fault(cron: str, zone: ZoneInfo) -> Message | None:
    """Why a schedule cannot tick by it, as the end of "it is …"; None: it can."""
    from dagster._utils.schedules import is_valid_cron_schedule
    from dagster._vendored.croniter.croniter import CroniterBadDateError

    if not is_valid_cron_schedule(cron):
        return Message("no-cron", "not a cron expression of schedules (five fields such as 0 9 * * 1-5, or @daily)")
    if any(part[0] in "rR" for field in cron.split() for part in field.split(",")):
        return Message("random-cron", "a random cron expression: each process would read other moments")
    try:
        next(_ticks(cron, _SOME_DAY, zone))
    except CroniterBadDateError:
        return Message("cron-without-a-day", "a cron expression without a day in any year")
    return None


def _ticks(cron: str, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """From `moment` on, itself included, asked for as the scheduler's daemon does; the import takes a second."""
    from dagster._utils.schedules import schedule_execution_time_iterator

    return schedule_execution_time_iterator(moment.timestamp(), cron, zone.key)


def _checked(cron: str) -> str:
    if fault := cron_fault(cron, BUSINESS_ZONE):
        raise ValueError(fault)
    return cron


Cron = Annotated[str, AfterValidator(_checked)]
"""A setting that schedules read in Asia/Tokyo."""

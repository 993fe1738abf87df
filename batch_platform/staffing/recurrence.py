"""When periodic approaches are due, and what becomes of those that were missed.

A rule names days of Asia/Tokyo, from `start_on` to `end_on`, both inclusive, and a time of those days. The 31st of a
month that is shorter is its last day, and the 31st again in the next one that has it. A rule that has ended has no
further occurrence. What a rule does not use (the weekday of a monthly one) is passed over.

Missed are the occurrences up to now, now itself too, that are not done: also those before one that is done. `latest`
delivers the newest of the missed ones, whatever is done. `skip` delivers those that are as old as the grace at most.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from batch_platform.core.json_lines import Day, Strict
from batch_platform.core.messages import Message
from batch_platform.staffing.instants import at_time, business_day
from batch_platform.staffing.months import clipped, shifted

DEFAULT_GRACE: Final = timedelta(minutes=60)
_LAST_DAY: Final = date(2999, 12, 31)
"""Of what lines can name."""


_CLOCK_TIME: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?")


def _clock_time(value: object) -> time:
    if isinstance(value, time):  # of a row; JSON has none
        return value
    if isinstance(value, str) and _CLOCK_TIME.fullmatch(value):
        return time.fromisoformat(value)
    raise ValueError(Message("clock-time", "a time is written HH:MM or HH:MM:SS"))


class Rule(Strict):
    """When an approach is due; `weekday` 0 is Monday."""

    every: Literal["day", "week", "month"]
    weekday: Annotated[int, Field(ge=0, le=6)] | None = None
    day: Annotated[int, Field(ge=1, le=31)] | None = None
    time: Annotated[time, BeforeValidator(_clock_time)]
    start_on: Day
    end_on: Day | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for every, name, value in (("week", "weekday", self.weekday), ("month", "day", self.day)):
            if self.every == every and value is None:
                raise ValueError(
                    Message("rule-incomplete", "a rule of every {every} needs {name}", every=every, name=name)
                )
        return self


class Policy(StrEnum):
    """What becomes of missed occurrences."""

    ALL = "all"
    LATEST = "latest"
    SKIP = "skip"


class Action(StrEnum):
    """What becomes of one of them."""

    DELIVER = "deliver"
    SKIP = "skip"


@dataclass(frozen=True)
class Occurrence:
    """A moment in UTC at which an approach was due."""

    scheduled_for: datetime
    action: Action


def next_occurrence(rule: Rule, after: datetime | None) -> datetime | None:
    """The first occurrence later than a moment, in UTC; the very first after None. None once the rule has ended."""
    return next(occurrences(rule, after), None)


def occurrences(rule: Rule, after: datetime | None, until: datetime | None = None) -> Iterator[datetime]:
    """The occurrences later than one moment and not later than another, in order, in UTC."""
    first = rule.start_on if after is None else max(rule.start_on, business_day(after))
    for day in _days(rule, first):
        at = at_time(day, rule.time)
        if until is not None and at > until:
            return
        if after is None or at > after:
            yield at


def missed(rule: Rule, now: datetime, done: Collection[datetime] = ()) -> list[datetime]:
    """The occurrences until now that are not done."""
    return [at for at in occurrences(rule, None, now) if at not in done]


def catch_up(
    scheduled: Sequence[datetime], now: datetime, policy: Policy, grace: timedelta = DEFAULT_GRACE
) -> list[Occurrence]:
    """What becomes of each of the missed occurrences, which are in order."""
    match policy:
        case Policy.ALL:
            delivered = set(scheduled)
        case Policy.LATEST:
            delivered = set(scheduled[-1:])
        case Policy.SKIP:
            delivered = {at for at in scheduled if now - at <= grace}
    return [Occurrence(at, Action.DELIVER if at in delivered else Action.SKIP) for at in scheduled]


def _days(rule: Rule, first: date) -> Iterator[date]:
    """The days of a rule from a day on."""
    last = rule.end_on or _LAST_DAY
    if rule.every == "month":
        assert rule.day is not None
        month = first.replace(day=1)
        while (day := clipped(month, rule.day)) <= last:
            if day >= first:
                yield day
            month = shifted(month, 1)
        return
    day, step = first, timedelta(days=1)
    if rule.every == "week":
        assert rule.weekday is not None
        day, step = first + timedelta(days=(rule.weekday - first.weekday()) % 7), timedelta(days=7)
    while day <= last:
        yield day
        day += step

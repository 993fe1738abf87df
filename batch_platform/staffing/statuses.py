"""The status of an engineer on a day, of assignments and holds alone (待機ステータス).

A hold in force gives its status; of several the one that began last. Else no confirmed assignment on the day is
`waiting`, and the chain's last day decides: at most 90 days away is `waiting_soon`, later or open is `working`. The
chain holds the assignments that overlap or touch, from the day on: one may begin on the day after another's last. On
the last day one still works. An assignment ends with its actual end, else the planned one, else it is open; one that
ended before it began was no work. Tentative and cancelled ones never count.

All dates are days of Asia/Tokyo and inclusive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

SOON: Final = timedelta(days=90)
"""How far away the chain's last day may be for `waiting_soon`."""

_DAY: Final = timedelta(days=1)


class State(StrEnum):
    """How far an assignment is agreed."""

    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """What a status follows from."""

    HOLD = "hold"
    NONE = "none"
    SOON = "soon"
    WORKING = "working"


@dataclass(frozen=True)
class Assignment:
    """One version of an engineer's work at a project: the one that counts."""

    start: date
    planned_end: date | None
    actual_end: date | None
    state: State

    @property
    def end(self) -> date | None:
        """Its last day; None while it is open."""
        return self.planned_end if self.actual_end is None else self.actual_end

    @property
    def last(self) -> date:
        """The same, an open one's beyond all days."""
        return date.max if self.end is None else self.end


@dataclass(frozen=True)
class Hold:
    """A status set by hand from a day to a day; `valid_to` is None while it is open."""

    status: str
    valid_from: date
    valid_to: date | None


@dataclass(frozen=True)
class Status:
    """`until` is the last day of the hold or of the chain; None where there is none, or it is open."""

    status: str
    reason: Reason
    until: date | None


def status_on(day: date, assignments: Iterable[Assignment], holds: Iterable[Hold] = ()) -> Status:
    """The status of the engineer whose assignments and holds these are."""
    held = [hold for hold in holds if hold.valid_from <= day and (hold.valid_to is None or day <= hold.valid_to)]
    if held:
        hold = max(held, key=lambda each: each.valid_from)
        return Status(hold.status, Reason.HOLD, hold.valid_to)
    last = chain_end(day, assignments)
    if last is None:
        return Status("waiting", Reason.NONE, None)
    if last == date.max:
        return Status("working", Reason.WORKING, None)
    if last - day <= SOON:
        return Status("waiting_soon", Reason.SOON, last)
    return Status("working", Reason.WORKING, last)


def chain_end(day: date, assignments: Iterable[Assignment]) -> date | None:
    """The last day of the chain that covers a day, `date.max` of an open one; None where nothing covers it."""
    last = None
    for each in sorted((each for each in assignments if each.state is State.CONFIRMED), key=lambda each: each.start):
        if not each.start <= each.last >= day:
            continue
        if each.start <= day or (last is not None and each.start - _DAY <= last):
            last = each.last if last is None else max(last, each.last)
    return last

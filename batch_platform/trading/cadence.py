"""When prices are due, how long they are good, and which are fetched first.

A tick is due on whole minutes of Asia/Tokyo's wall clock: every quarter of an hour from 01:00 to 05:59, else every
ten minutes. Everything else here is UTC; Tokyo is whole hours away, so both cut the same ten-minute windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Final

from batch_platform.core.clock import BUSINESS_ZONE

WINDOW: Final = timedelta(minutes=10)
"""The partition of a tick, scheduled or by refresh: [start, start + 10 min)."""
GOOD_FOR: Final = timedelta(seconds=1_800)
FRESH_FOR: Final = timedelta(seconds=30)
LATE_AFTER: Final = timedelta(seconds=10)
"""How long an answer may wait for its tick: orders are accepted meanwhile, and would be filled at a former price."""
_NIGHT_HOURS: Final = range(1, 6)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_RATIO: Final = Context(prec=18)


def is_due(at: datetime) -> bool:
    """Whether a scheduled tick falls on this instant."""
    local = at.astimezone(BUSINESS_ZONE)
    return local.second == local.microsecond == 0 and local.minute % _minutes_between(local) == 0


def due_ticks(start: datetime, end: datetime) -> Iterator[datetime]:
    """The scheduled instants of [start, end) in order, UTC."""
    at = start.astimezone(UTC).replace(second=0, microsecond=0) - timedelta(minutes=start.minute % 5)
    while at < end:
        if at >= start and is_due(at):
            yield at
        at += timedelta(minutes=5)


def next_due(after: datetime) -> datetime:
    """The first scheduled instant later than this one."""
    return next(due_ticks(after + timedelta(microseconds=1), after + 2 * WINDOW))


def window_of(at: datetime) -> datetime:
    """The start of the ten minutes that hold an instant."""
    return at.astimezone(UTC).replace(minute=at.minute - at.minute % 10, second=0, microsecond=0)


def due_windows(start: datetime, end: datetime) -> list[datetime]:
    """The starts of the windows of [start, end) in which a tick is due: the others are not missing."""
    return list(dict.fromkeys(window_of(at) for at in due_ticks(start, end)))


def is_good(observed_at: datetime, at: datetime) -> bool:
    """Whether a price counts at an instant: seen by then, 1,800 s ago at most. Older is missing."""
    return timedelta(0) <= at - observed_at <= GOOD_FOR


def is_late(observed_at: datetime, arrived_at: datetime, at: datetime, newest: datetime | None) -> bool:
    """Whether an accepted price comes too late for a tick at this instant: its answer has waited, it is good no more,
    or a price is known (`newest`) that was seen after it."""
    has_waited = at - arrived_at > LATE_AFTER
    return has_waited or at - observed_at > GOOD_FOR or (newest is not None and observed_at < newest)


def may_refresh(observed_at: datetime | None, at: datetime) -> bool:
    """Whether a look asks for a new price: there is none, or it is more than 30 s old."""
    return observed_at is None or at - observed_at > FRESH_FOR


@dataclass(frozen=True)
class Candidate:
    """A token that may be refreshed: its latest accepted prices, and how many active users hold it."""

    token: str
    prices: Sequence[Decimal]
    holders: int
    observed_at: datetime | None = None


def volatility(prices: Sequence[Decimal]) -> Decimal:
    """How far the prices lie apart, as a share of the lowest; 0 of fewer than two. Prices are positive."""
    if len(prices) < 2:
        return Decimal(0)
    lowest = min(prices)
    return _RATIO.divide(_RATIO.subtract(max(prices), lowest), lowest)


def refresh_order(candidates: Iterable[Candidate], at: datetime) -> list[str]:
    """The tokens to fetch, the most urgent first: only what an active user holds and what is older than 30 s.

    Urgent is what moves much in many hands: volatility times holders. Of equals the one in more hands goes first,
    then the older price, then the name. What never had a price comes before all.
    """
    due = [each for each in candidates if each.holders > 0 and may_refresh(each.observed_at, at)]
    return [each.token for each in sorted(due, key=_urgency)]


def _minutes_between(local: datetime) -> int:
    return 15 if local.hour in _NIGHT_HOURS else 10


def _urgency(candidate: Candidate) -> tuple[bool, Decimal, int, datetime, str]:
    seen = candidate.observed_at
    weight = _RATIO.multiply(volatility(candidate.prices), Decimal(candidate.holders))
    return seen is not None, weight.copy_negate(), -candidate.holders, seen or _NEVER, candidate.token

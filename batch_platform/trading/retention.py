"""Which snapshots stay: all of 30 days, then one in three hours, after 90 days one a day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from batch_platform.trading.instants import day_start

WHOLE: Final = timedelta(days=30)
"""Before the partition's day; rows as new as this all stay."""
DENSE: Final = timedelta(days=90)
"""Rows as new as this stay by `DENSE_BUCKET`, older ones by the day."""
DENSE_BUCKET: Final = timedelta(hours=3)

Snapshot = tuple[str, datetime]
"""User and moment."""


def bucket_length(of: date, day: date) -> timedelta | None:
    """How long the buckets of a UTC day are in the partition `day`; None while all its rows stay."""
    if day_start(of) >= day_start(day) - WHOLE:
        return None
    return DENSE_BUCKET if day_start(of) >= day_start(day) - DENSE else timedelta(days=1)


def bucket(at: datetime, day: date) -> datetime:
    """The start of the UTC bucket whose newest row stays in the partition `day`; the row's own moment where all stay.

    A later partition's buckets hold whole buckets of the earlier ones, so that weeks may be skipped or repeated.
    """
    length = bucket_length(at.date(), day)
    if length is None:
        return at
    midnight = day_start(at.date())
    return midnight + (at - midnight) // length * length


def kept_reasons(reasons: Iterable[Snapshot], rows: Iterable[Snapshot], day: date) -> list[Snapshot]:
    """Of the moments at which users had no row, and why: those that no later row of the same bucket makes up for."""
    newest: dict[Snapshot, datetime] = {}
    for user, at in rows:
        key = (user, bucket(at, day))
        newest[key] = max(at, newest.get(key, at))
    return [(user, at) for user, at in reasons if newest.get((user, bucket(at, day)), at) <= at]


def kept(rows: Iterable[Snapshot], day: date) -> list[Snapshot]:
    """The rows that stay, in the order in which they came; one that comes again is not counted twice."""
    came = list(dict.fromkeys(rows))
    newest: dict[Snapshot, datetime] = {}
    for user, at in came:
        key = (user, bucket(at, day))
        newest[key] = max(at, newest.get(key, at))
    return [(user, at) for user, at in came if newest[user, bucket(at, day)] == at]

"""Quotas: how often somebody may ask for something, counted in the database, so on all machines together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from batch_platform.core.postgres import Pool
from batch_platform.trading.store.players import PlayersStore


@dataclass(frozen=True)
class Quota:
    """So many requests at once, and as many in each `per`; `name` keeps different things apart."""

    name: str
    count: int
    per: timedelta

    @property
    def interval(self) -> timedelta:
        """After how long one more request has room."""
        return self.per / self.count


def wait(pool: Pool, quota: Quota, caller: str, *, now: datetime) -> timedelta | None:
    """None when the caller may ask now, which counts; else how long it has to wait, which does not."""
    interval, room = quota.interval, quota.interval * quota.count
    with PlayersStore(pool).transaction() as session:
        full_at = session.count_request(f"{quota.name} {caller}", now=now, interval=interval, room=room)
    return None if full_at is None else max(full_at + interval - room - now, timedelta(0))

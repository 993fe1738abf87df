"""The buckets of the sources for all machines: an account's rate is shared by everybody who asks with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from batch_platform.core.postgres import Pool
from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore


class SourceBucketsSession(BaseSession):
    """The statements of one transaction."""

    _sql = load("batch_platform.trading.sql")

    def take_turn(self, source: str, *, interval: timedelta, patience: timedelta) -> timedelta | None:
        """How long to wait for the turn that was taken; None where it would come later than `patience`."""
        rows = self._rows("take_turn", source=source, interval=interval, patience=patience)
        return rows[0]["wait"] if rows else None

    def hold_turns(self, source: str, *, pause: timedelta) -> None:
        self._run("hold_turns", source=source, pause=pause)


class SourceBucketsStore(BaseStore[SourceBucketsSession]):
    """Opens transactions on the buckets; each is committed before anybody waits."""

    _session = SourceBucketsSession


@dataclass(frozen=True)
class DatabaseBucket:
    """The bucket of a source, whoever asks, on all machines of one database. `interval`: between two requests."""

    pool: Pool
    source: str
    interval: timedelta
    sleep: Callable[[float], None] = time.sleep

    def take(self, patience: timedelta) -> bool:
        """As `sources.buckets.Bucket` has it."""
        with SourceBucketsStore(self.pool).transaction() as session:
            wait = session.take_turn(self.source, interval=self.interval, patience=patience)
        if wait:
            self.sleep(wait.total_seconds())
        return wait is not None

    def hold(self, pause: timedelta) -> None:
        """As `sources.buckets.Bucket` has it."""
        with SourceBucketsStore(self.pool).transaction() as session:
            session.hold_turns(self.source, pause=pause)


def database_buckets(pool: Pool) -> Callable[[str, str, Decimal], DatabaseBucket]:
    """What `opening.open_sources` takes as `bucket`: each account's rate kept in this database."""

    def bucket(source: str, _address: str, rate: Decimal) -> DatabaseBucket:
        return DatabaseBucket(pool, source, timedelta(microseconds=int(1_000_000 / rate)))

    return bucket

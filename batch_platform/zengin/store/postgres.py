"""Transactions on the zengin tables; statements stand in `sql/`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from batch_platform.core import postgres
from batch_platform.zengin.store.apply import Apply
from batch_platform.zengin.store.changesets import Changesets
from batch_platform.zengin.store.history import History
from batch_platform.zengin.store.master import Master
from batch_platform.zengin.store.mirror import Mirror
from batch_platform.zengin.store.snapshots import Snapshots


class Session(Snapshots, Changesets, Mirror, Apply, History, Master):
    """The statements of one transaction."""


class ZenginStore:
    """Opens transactions on the zengin tables."""

    def __init__(self, pool: postgres.Pool) -> None:
        self._pool = pool

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by any exception."""
        with postgres.transaction(self._pool) as connection:
            yield Session(connection)

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """One moment: all its statements see the same rows, and none may write."""
        with postgres.transaction(self._pool) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield Session(connection)

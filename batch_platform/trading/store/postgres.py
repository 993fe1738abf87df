"""Transactions on trading's tables; statements stand in `sql/`.

The statements name no schema: a transaction finds the tables in `trading`, and a replay, on a connection of its own,
the temporary ones that stand in their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from batch_platform.core import postgres
from batch_platform.core.store import BaseStore
from batch_platform.trading.store.accounts import Accounts
from batch_platform.trading.store.campaigns import Campaigns
from batch_platform.trading.store.contests import Contests
from batch_platform.trading.store.engine import Engine
from batch_platform.trading.store.snapshots import Snapshots

_PATH: Final = "SET LOCAL search_path = trading"
# plans are made while the temporary tables are empty, and are to serve when they are not
_SCRATCH: Final = (
    "SET search_path = trading; SET jit = off; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"
)


class Session(Campaigns, Accounts, Engine, Snapshots, Contests):
    """The statements of one transaction."""


class TradingStore(BaseStore[Session]):
    """Opens transactions on the tables of schema trading."""

    _session = Session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by any exception."""
        with super().transaction() as session:
            session.connection.execute(_PATH)
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """One moment: all its statements see the same rows, and none may write."""
        with super().snapshot() as session:
            session.connection.execute(_PATH)
            yield session

    @contextmanager
    def scratch(self, *, numbered_for_real: bool = False) -> Iterator[Session]:
        """A session on empty temporary tables in the place of all of trading's; they go with its connection."""
        with postgres.autocommit(self._pool) as connection:
            try:
                connection.execute(_SCRATCH)
                session = Session(connection)
                session.make_scratch(numbered_for_real=numbered_for_real)
                yield session
            finally:
                connection.close()

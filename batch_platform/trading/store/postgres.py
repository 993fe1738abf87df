"""Transactions on trading's tables; statements stand in `sql/`.

The statements name no schema: a transaction finds the tables in `trading`, and a replay, on a connection of its own,
the temporary ones that stand in their place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg import sql

from batch_platform.core import postgres
from batch_platform.core.store import BaseStore
from batch_platform.trading.store.accounts import Accounts
from batch_platform.trading.store.administration import Administration
from batch_platform.trading.store.campaigns import Campaigns
from batch_platform.trading.store.contests import Contests
from batch_platform.trading.store.engine import Engine
from batch_platform.trading.store.invariants import Invariants
from batch_platform.trading.store.listings import Listings
from batch_platform.trading.store.notices import Notices
from batch_platform.trading.store.portfolios import Portfolios
from batch_platform.trading.store.prices import Prices
from batch_platform.trading.store.records import Records
from batch_platform.trading.store.recurring import Recurring
from batch_platform.trading.store.reports import Reports
from batch_platform.trading.store.retention import Retention
from batch_platform.trading.store.snapshots import Snapshots
from batch_platform.trading.store.views import Views

PATIENCE: Final = 10
"""Seconds after which the server gives up a worker that has stopped within a transaction, for others wait for it."""
# plans are made while the temporary tables are empty, and are to serve when they are not
_SCRATCH: Final = (
    "SET search_path = trading; SET jit = off; SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"
)


class Session(
    Campaigns,
    Accounts,
    Engine,
    Snapshots,
    Contests,
    Prices,
    Portfolios,
    Listings,
    Retention,
    Records,
    Recurring,
    Invariants,
    Reports,
    Administration,
    Notices,
    Views,
):
    """The statements of one transaction."""


class TradingStore(BaseStore[Session]):
    """Opens transactions on the tables of schema trading."""

    _session = Session

    def __init__(self, pool: postgres.Pool, *, patience: int = PATIENCE) -> None:
        super().__init__(pool)
        self._begin = sql.SQL(
            "SET LOCAL search_path = trading; SET LOCAL idle_in_transaction_session_timeout = {}"
        ).format(sql.Literal(f"{patience}s"))

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by any exception."""
        with super().transaction() as session:
            session.connection.execute(self._begin)
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """One moment: all its statements see the same rows, and none may write."""
        with super().snapshot() as session:
            session.connection.execute(self._begin)
            yield session

    @contextmanager
    def rolled_back(self) -> Iterator[Session]:
        """A transaction that is taken back at its end, whatever comes."""
        with super().transaction() as session, session.connection.transaction(force_rollback=True):
            session.connection.execute(self._begin)
            yield session

    @contextmanager
    def scratch(self, *, numbered_for_real: bool = False) -> Iterator[Session]:
        """A session on empty temporary tables in the place of all of trading's; they go with its connection."""
        with postgres.own(self._pool) as connection:
            connection.execute(_SCRATCH)
            session = Session(connection)
            session.make_scratch(numbered_for_real=numbered_for_real)
            yield session

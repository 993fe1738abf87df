"""Every read and write of the finops tables; statements stand in `sql/`.

All state changes are conditional: a worker that lost its lease, a second registration of the same delivery and a
repeated publication change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from batch_platform.core import postgres
from batch_platform.finops.store.budgets import Budgets
from batch_platform.finops.store.costs import FORECAST_SCHEMA, RESTATEMENT_SCHEMA, Costs
from batch_platform.finops.store.deliveries import Deliveries

__all__ = ["FORECAST_SCHEMA", "RESTATEMENT_SCHEMA", "FinopsStore", "Session"]


class Session(Deliveries, Costs, Budgets):
    """The statements of one transaction."""


class FinopsStore:
    """Opens transactions on the finops tables."""

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

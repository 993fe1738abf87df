"""Transactions on staffing's tables; statements stand in `sql/`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from batch_platform.core.store import BaseStore
from batch_platform.staffing.store.accounts import Accounts
from batch_platform.staffing.store.approaches import Approaches
from batch_platform.staffing.store.backups import Backups
from batch_platform.staffing.store.facts import Facts
from batch_platform.staffing.store.invoices import Invoices
from batch_platform.staffing.store.maintenance import WeeklyRuns
from batch_platform.staffing.store.overview import Overview
from batch_platform.staffing.store.performance import Performance
from batch_platform.staffing.store.reports import Reports
from batch_platform.staffing.store.statuses import Statuses
from batch_platform.staffing.store.usage import Usage


class Session(
    Facts, Statuses, Usage, Accounts, Backups, Invoices, Approaches, WeeklyRuns, Performance, Reports, Overview
):
    """The statements of one transaction."""


class StaffingStore(BaseStore[Session]):
    """Opens transactions on the tables of schema staffing; they are found without its name."""

    _session = Session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One transaction: committed at the end, rolled back by any exception."""
        with super().transaction() as session:
            session.connection.execute("SET LOCAL search_path = staffing")
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """One moment: all its statements see the same rows, and none may write."""
        with super().snapshot() as session:
            session.connection.execute("SET LOCAL search_path = staffing")
            yield session

    @contextmanager
    def rolled_back(self) -> Iterator[Session]:
        """A transaction that is taken back at its end, whatever comes."""
        with self.transaction() as session, session.connection.transaction(force_rollback=True):
            yield session

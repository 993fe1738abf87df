"""A batch while this process works on it: its lease is kept, and its progress saved, in the background."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import polars as pl

from batch_platform.btc.model import HOUSE, Batch, BatchStatus, RowState
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.store import LeaseLost
from batch_platform.btc.store.entries import Outcome, Row
from batch_platform.core import leases
from batch_platform.core.failures import Conflict


def is_held(context: BtcContext, batch: Batch) -> bool:
    """Whether a worker that is not known to be dead has the lease of a batch, as it was read."""
    return leases.is_held(batch.lease_owner, batch.lease_expires_at, context.clock())


def await_worker(context: BtcContext, batch: Batch) -> Batch:
    """Tell how far another worker is, and wait a heartbeat while it has the lease; the batch as it is then."""
    done = batch.processed_user_count + batch.failed_user_count
    context.progress(f"{batch.batch_id}: {done} of {batch.target_user_count} users, by {batch.lease_owner}")
    context.sleep(context.heartbeat)
    return context.store.batches.get(batch.batch_id)


class Progress:
    """Rows that are in the ledger as far as this worker knows: what people see while it works."""

    def __init__(self, batch: Batch) -> None:
        self._lock = threading.Lock()
        self._applied = batch.processed_user_count
        self._failed = batch.failed_user_count
        self._sum = batch.applied_sum or 0

    def recount(self, booked: pl.DataFrame) -> None:
        """Begin again with the ledger's rows of the batch (`LEDGER_SCHEMA`)."""
        rows = booked.filter(pl.col("user_id") != HOUSE)
        failed = rows.filter(pl.col("state") == RowState.FAILED).height
        with self._lock:
            self._applied = rows.height - failed
            self._failed = failed
            self._sum = int(rows.get_column("amount").sum())

    def add(self, rows: Sequence[Row], outcome: Outcome) -> None:
        """Rows that were written, and what became of them."""
        amount = sum(amount for user, amount in rows if user not in outcome.failed)
        with self._lock:
            self._applied += outcome.applied
            self._failed += len(outcome.failed)
            self._sum += amount

    @property
    def users(self) -> int:
        """Users who are done."""
        with self._lock:
            return self._applied + self._failed

    def fields(self) -> dict[str, Any]:
        with self._lock:
            return {
                "processed_user_count": self._applied,
                "failed_user_count": self._failed,
                "applied_sum": self._sum,
            }


class HeldBatch(leases.KeptLease):
    """The lease of `batch`, renewed while the `with` block runs; `lost` is set once another worker has it.

    Work that goes on without the lease does no harm, it is only in vain: every write is a sealed row.
    """

    def __init__(self, context: BtcContext, batch: Batch) -> None:
        super().__init__(self.renew, every=context.heartbeat, name="btc-lease")
        self.batch = batch
        self.progress = Progress(batch)
        self._context = context

    def check(self) -> None:
        """Raises `LeaseLost` when another worker is known to have the batch."""
        if self.lost.is_set():
            raise LeaseLost(
                "batch-taken-over",
                "batch {batch} was taken over meanwhile",
                batch=self.batch.batch_id,
                field="batch_id",
            )

    def current(self) -> Batch:
        """The batch as it is now: a renewal whose reply was lost has changed it. Raises `LeaseLost`."""
        now = self._context.store.batches.get(self.batch.batch_id)
        mine = (now.fencing, now.lease_owner) == (self.batch.fencing, self.batch.lease_owner)
        if not mine or now.status is not BatchStatus.PROCESSING:
            self.lost.set()
        self.check()
        return now

    def renew(self) -> None:
        """Keep the lease and save the progress. Raises `LeaseLost`."""
        batches, now = self._context.store.batches, self._context.clock()
        fields = self.progress.fields()
        try:
            self.batch = batches.renew(self.batch, now=now, lasts=self._context.lease, **fields)
        except Conflict:
            self.batch = batches.renew(self.current(), now=now, lasts=self._context.lease, **fields)

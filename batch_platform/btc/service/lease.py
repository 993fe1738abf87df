"""A batch while this process works on it: its lease is kept, and its progress saved, in the background."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import polars as pl

from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.store import LeaseLost
from batch_platform.btc.store.entries import Outcome, Row
from batch_platform.core import leases
from batch_platform.core.failures import Conflict
from batch_platform.core.workers import await_death


def is_held(context: BtcContext, batch: Batch) -> bool:
    """Whether a worker that is not known to be dead has the lease of a batch, as it was read."""
    return leases.is_held(batch.lease_owner, batch.lease_expires_at, context.clock())


def wait(context: BtcContext, batch: Batch) -> Batch:
    """Tell how far another worker is, and wait up to a heartbeat while it has the lease; the batch as it is then.

    The death of a worker of this machine ends the wait at once, and whoever takes the lease sees what it saved last;
    that of another one ends it only when its lease runs out.
    """
    done = batch.processed_user_count + batch.failed_user_count
    context.progress(f"{batch.batch_id}: {done} of {batch.target_user_count} users, by {batch.lease_owner}")
    if await_death(batch.lease_owner or "", context.heartbeat, sleep=context.sleep):
        return batch
    return context.store.batches.get(batch.batch_id)


class Progress:
    """Which chunks are done. What is saved counts the chunks below the first that is not: a resume begins there."""

    def __init__(self, batch: Batch) -> None:
        self._lock = threading.Lock()
        self._above: dict[int, tuple[Outcome, int]] = {}
        self._chunks = batch.chunks_done
        self._applied = batch.processed_user_count
        self._failed = batch.failed_user_count
        self._sum = batch.applied_sum or 0
        self.users = self._applied + self._failed
        """Users who are done, in whatever order."""

    def pass_over(self, chunks: int, rows: pl.DataFrame) -> None:
        """So many chunks are done before the work begins; `rows` are those of them that were not counted yet.

        They count as booked until the recount: who failed there is in the ledger.
        """
        with self._lock:
            self.users += rows.height
            self._chunks = chunks
            self._applied += rows.height
            self._sum += int(rows.get_column("amount").sum())

    def note(self, chunk: int, rows: Sequence[Row], outcome: Outcome) -> None:
        booked = sum(amount for user, amount in rows if user not in outcome.failed)
        with self._lock:
            self.users += outcome.applied + len(outcome.failed)
            self._above[chunk] = outcome, booked
            while (found := self._above.pop(self._chunks, None)) is not None:
                done, amount = found
                self._chunks += 1
                self._applied += done.applied
                self._failed += len(done.failed)
                self._sum += amount

    def fields(self) -> dict[str, Any]:
        with self._lock:
            return {
                "chunks_done": self._chunks,
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
            raise LeaseLost(f"batch {self.batch.batch_id} was taken over meanwhile", field="batch_id")

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

"""Wait for a batch that another worker has, with everything read, to go on within milliseconds of its death."""

from __future__ import annotations

from contextlib import suppress

import polars as pl

from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.service import draft
from batch_platform.btc.service.apply import go_on
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.service.lease import is_held, wait
from batch_platform.btc.store.batches import Changed, LeaseHeld
from batch_platform.core.failures import PlatformError


def stand_by(context: BtcContext, batch_id: str) -> Batch:
    """As `run`, but what another worker has is waited for instead of refused; the batch as it is then.

    It has ended, or that other worker has failed it: then somebody has to look before it is run again. Raises as
    `run` does.
    """
    rows = None
    begun = False
    batch = context.store.batches.get(batch_id)
    while True:
        if batch.status is BatchStatus.PROCESSING and not begun:
            # before the lease is asked for: of a dead worker's batch, whoever stands by longer is ready
            begun, rows = True, _readable(context, batch)
            batch = context.store.batches.get(batch_id)
        if is_held(context, batch):
            batch = wait(context, batch)
            continue
        if begun and batch.status is BatchStatus.FAILED:
            return batch
        try:
            batch = go_on(context, batch, rows)
        except (LeaseHeld, Changed):
            batch = context.store.batches.get(batch_id)
            continue
        if batch.status is not BatchStatus.PROCESSING:
            return batch


def _readable(context: BtcContext, batch: Batch) -> pl.DataFrame | None:
    """The pending rows, or none where they cannot be read: whoever has the lease meets that, and fails the batch."""
    with suppress(PlatformError):
        return draft.pending(context, batch)
    return None

"""Wait for a batch that another worker has, with everything read, to go on within milliseconds of its death."""

from __future__ import annotations

from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.service import draft
from batch_platform.btc.service.apply import go_on
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.service.lease import is_held, wait
from batch_platform.btc.store.batches import Changed, LeaseHeld


def stand_by(context: BtcContext, batch_id: str) -> Batch:
    """As `run`, but what another worker has is waited for instead of refused; the batch as it is then.

    It has ended, or that other worker has failed it: then somebody has to look before it is run again. Raises as
    `run` does.
    """
    rows = None
    batch = context.store.batches.get(batch_id)
    while True:
        if is_held(context, batch):
            rows = draft.pending(context, batch) if rows is None else rows
            batch = wait(context, batch)
            continue
        if rows is not None and batch.status is BatchStatus.FAILED:
            return batch
        try:
            batch = go_on(context, batch, rows)
        except (LeaseHeld, Changed):
            batch = context.store.batches.get(batch_id)
            continue
        if batch.status is not BatchStatus.PROCESSING:
            return batch

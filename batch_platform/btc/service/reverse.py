"""Take back what a batch has booked by a batch of its own; whatever happened since stays."""

from __future__ import annotations

from dataclasses import replace

from batch_platform.btc.model import Batch
from batch_platform.btc.service import draft
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.service.draft import Draft
from batch_platform.btc.service.plan import begin, new_batch
from batch_platform.btc.store import IdempotencyKey


def preview_reversal(context: BtcContext, batch_id: str) -> Draft:
    """What a reversal would do now; nothing is written. Raises `Conflict` when there can be none."""
    target = context.store.batches.get(batch_id)
    target.require_reversible()
    return draft.of_reversal(context, target)


def reverse(
    context: BtcContext,
    batch_id: str,
    *,
    by: str,
    memo: str | None = None,
    key: IdempotencyKey | None = None,
    approve: bool = False,
) -> Batch:
    """A batch with the negated amounts of one that has ended, planned and sealed, to be approved and run as any.

    A user who has spent what is to be taken back fails alone. Raises `Conflict` when the batch has not ended, is
    reversed already or is a reversal itself, or another batch is open; a reversal that is cancelled, or fails before
    its seal, gives it free again.
    """
    target = context.store.batches.get(batch_id)
    options = replace(context.options, target_total=None)
    batch = new_batch(context, -target.adjustment_rate, options, by=by, memo=memo)
    return begin(context, replace(batch, reverses=batch_id), key=key, approve=approve)

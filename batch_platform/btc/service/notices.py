"""What people are to be told of batches, brought to where alert rules find it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.service.review import approvals_missing
from batch_platform.btc.store.mirror import Mirror, MirrorSession
from batch_platform.core.failures import NotFound

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool

_PAGE: Final = 20


def publish(context: BtcContext, pool: Pool) -> int:
    """Bring the mirror of the batches up to date; how many of its rows changed.

    All of it or none, so whoever is killed leaves nothing half done; repeated, or called by several at once, it
    changes nothing more. Raises `TransientFailure` when DynamoDB or PostgreSQL does not answer.
    """
    with Mirror(pool).transaction() as session:
        # the reads follow the lock, so nobody writes an older state over a newer one
        session.lock()
        batches = _unseen(context, session)
        known = session.open_batches() - batches.keys()
        for batch_id in known:
            with suppress(NotFound):
                batches[batch_id] = context.store.batches.get(batch_id)
        seen = list(batches.values())
        changed = session.save(seen, [_missing(context, batch) for batch in seen], now=context.clock())
        return changed + session.forget(known - batches.keys())


def _unseen(context: BtcContext, session: MirrorSession) -> dict[str, Batch]:
    """The newest batches, back to a page of which nothing can have changed: all older ones are known then."""
    unseen: dict[str, Batch] = {}
    cursor: str | None = None
    while True:
        page = context.store.batches.page(limit=_PAGE, cursor=cursor)
        ids = [batch.batch_id for batch in page.batches]
        if ids and session.are_closed(ids):
            return unseen
        unseen |= zip(ids, page.batches, strict=True)
        cursor = page.cursor
        if cursor is None:
            return unseen


def _missing(context: BtcContext, batch: Batch) -> int:
    return approvals_missing(batch, context.options) if batch.status is BatchStatus.PLANNED else 0

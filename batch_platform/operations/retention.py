"""Dagster keeps its runs for ever; this deletes the old ones. The ledger's rows stay."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from batch_platform.operations.context import OperationsContext

KEEP_RUNS: Final = timedelta(days=90)
EVERY: Final = timedelta(days=1)

_BATCH: Final = 50
_MARK: Final = "dagster runs purged"


def purge_dagster_runs(ctx: OperationsContext, *, older_than: timedelta = KEEP_RUNS, batches: int = 10) -> int:
    """Delete ended Dagster runs that were created longer ago, with their events; how many.

    At most `batches` of 50 a call; a later call goes on where this one stopped, and a pass through all of them is
    made once a day. A run that holds the newest materialization of an asset or partition is kept.
    """
    now, deleted = ctx.clock(), 0
    with ctx.store.transaction() as session:
        began, place = session.mark(_MARK) or (None, None)
    if place is None and began is not None and now < began + EVERY:
        return 0
    for _ in range(batches):
        count, place = ctx.dagster.purge(created_before=now - older_than, limit=_BATCH, after_run=place or None)
        deleted += count
        if place is None:
            break
        with ctx.store.transaction() as session:
            session.set_mark(_MARK, now, place)
    with ctx.store.transaction() as session:
        session.set_mark(_MARK, now, place)
    return deleted

"""When btc runs by itself: a sensor on batches that wait for a worker, and the optional recurring batch."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import dagster as dg

from batch_platform.btc import service
from batch_platform.btc.jobs import BATCH_TAG, BATCHES, AdjustmentParameters, of_batch
from batch_platform.btc.model import Batch
from batch_platform.btc.service import BtcContext
from batch_platform.core.failures import PlatformError
from batch_platform.kit.jobs import GOING, Look, Request, Tick
from batch_platform.operations.model import Launch

QUIET: Final = timedelta(seconds=15)
"""Whoever approves a batch asks for its run himself, and Dagster runs a lost one again: the sensor lets them."""
ASKED_AGAIN: Final = timedelta(minutes=5)
"""So often a run may be asked for that ends before it touches its batch."""

_PARTITION_TAG: Final = "dagster/partition"


def waiting_batches(tick: Tick) -> Look:
    """Runs for batches that wait for a worker; people are told of batches, and new ones get their partition."""
    with tick.resource.open_context() as context:
        _add_partitions(tick.instance, context)
        now = context.clock()
        waiting = [("btc_adjustment", batch) for batch in service.waiting_for_worker(context)]
        waiting += [("btc_plan", batch) for batch in service.abandoned(context)]
        free = [(job, batch) for job, batch in waiting if _nobody_at_it(tick.instance, batch, now=now)]
        try:
            service.publish(context, tick.resource.pool())
        except PlatformError as error:
            # money first: the next look publishes again
            tick.log.warning(f"what people are to know of batches could not be written: {error.message}")
    seen_to = "; ".join(f"batch {batch.batch_id} is being seen to" for _, batch in waiting)
    return Look([_request(job, batch, now) for job, batch in free], seen_to or "no batch waits for a worker")


def _add_partitions(instance: dg.DagsterInstance, context: BtcContext) -> None:
    """A partition for each batch that has none, from the newest back to a page of known ones."""
    cursor: str | None = None
    while True:
        page = service.history(context, cursor=cursor)
        ids = (batch.batch_id for batch in page.batches)
        new = [batch_id for batch_id in ids if not instance.has_dynamic_partition(BATCHES, batch_id)]
        instance.add_dynamic_partitions(BATCHES, new)
        cursor = page.cursor
        if not new or cursor is None:
            return


def _nobody_at_it(instance: dg.DagsterInstance, batch: Batch, *, now: datetime) -> bool:
    """Whether no run of the batch is going or has just ended, and nobody has just approved it."""
    approved = (approval.at for approval in batch.approvals)
    moments = [batch.created_at, batch.planned_at, batch.started_at, *approved]
    if max(at for at in moments if at is not None) > now - QUIET:
        return False
    runs = [
        dg.RunsFilter(tags={tag: batch.batch_id}, **which)
        for tag in (BATCH_TAG, _PARTITION_TAG)
        for which in ({"statuses": GOING}, {"updated_after": now - QUIET})
    ]
    return not any(instance.get_run_ids(those, limit=1) for those in runs)


def _request(job: str, batch: Batch, now: datetime) -> Request:
    """A run once for each worker that has had the batch. No plan is asked: money does not wait for PostgreSQL."""
    turn = int(now.timestamp()) // int(ASKED_AGAIN.total_seconds())
    run_key = f"{job} {batch.batch_id} {batch.fencing} {turn}"
    return Request(AdjustmentParameters(batch_id=batch.batch_id), run_key, of_batch(job, batch.batch_id))


def recurring(tick: Tick) -> Iterator[Request]:
    """The batch of this tick, however often it is asked for."""
    at = tick.at.isoformat()
    launch = Launch.of_op("btc_recurring", "plan_recurring_batch", scheduled_at=at)
    yield Request(run_key=at, launch=launch)

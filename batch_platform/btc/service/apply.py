"""Apply a sealed plan, row by row as it was sealed, then recount, prove and end the batch.

Nothing here reads a balance to find an amount. Each row is written at most once whoever writes it, so a worker that
died anywhere, came late or met another is followed by the same call again.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from typing import Final

import polars as pl

from batch_platform.btc.model import HOUSE, LEDGER_SCHEMA, REVERSIBLE, Batch, BatchStatus, RowState, TransactionType
from batch_platform.btc.proof import applied_sum, prove, recount
from batch_platform.btc.service import draft
from batch_platform.btc.service.context import SYSTEM, BtcContext
from batch_platform.btc.service.lease import HeldBatch, await_worker, is_held
from batch_platform.btc.service.review import approvals_missing, is_approved
from batch_platform.btc.store import Header, LeaseLost
from batch_platform.btc.store.batches import Changed, LeaseHeld
from batch_platform.core.failures import Conflict, PermanentFailure, PlatformError

WRITERS: Final = 4
"""Chunks that a worker sends at once."""


def require_applicable(context: BtcContext, batch_id: str) -> Batch:
    """The batch, when it can be applied or resumed. Raises `Conflict` saying what is missing."""
    batch = context.store.batches.get(batch_id)
    _require_applicable(context, batch)
    return batch


def _require_applicable(context: BtcContext, batch: Batch) -> None:
    if batch.status is BatchStatus.PLANNED:
        if missing := approvals_missing(batch, context.options):
            raise Conflict(
                "batch-waits-for-approval",
                "batch {batch} waits for {count} more approval(s)",
                batch=batch.batch_id,
                count=missing,
                field="approvals",
            )
    elif batch.status is not BatchStatus.PROCESSING and not (batch.status is BatchStatus.FAILED and batch.is_open):
        raise Conflict(
            "nothing-to-apply",
            "batch {batch} is {status}: nothing to apply",
            batch=batch.batch_id,
            status=batch.status.word,
            field="status",
        )


def submit(context: BtcContext, batch_id: str) -> Batch:
    """The batch is processing from now on, by whoever comes first to work on it; it cannot be cancelled any more.

    Submitted twice it is submitted once. Raises `Conflict` saying what is missing.
    """
    batch = require_applicable(context, batch_id)
    if batch.status is BatchStatus.PROCESSING:
        return batch
    try:
        return context.store.batches.move(
            batch, BatchStatus.PROCESSING, started_at=batch.started_at or context.clock(), error_message=None
        )
    except Conflict:
        # another call at once, or a worker that has begun and may even have ended it
        now = context.store.batches.get(batch_id)
        if now.status is BatchStatus.PROCESSING or now.status in REVERSIBLE:
            return now
        raise


def waiting_for_worker(context: BtcContext) -> list[Batch]:
    """Batches that wait for a worker, the oldest first: approved ones, and those whose lease ran out.

    One that failed waits for a person, who runs it again.
    """
    batches = context.store.batches
    planned = [batch for batch in batches.each(BatchStatus.PLANNED) if is_approved(batch, context.options)]
    left = [batch for batch in batches.each(BatchStatus.PROCESSING) if not is_held(context, batch)]
    return sorted([*planned, *left], key=lambda batch: (batch.created_at, batch.batch_id))


def run(context: BtcContext, batch_id: str) -> Batch:
    """Apply a batch to its end, from wherever it stands; the batch as it is then.

    One that has ended stays as it is; one that another worker has taken over meanwhile is left to it. Raises
    `Conflict` when it is not approved or another worker holds its lease, `TransientFailure` for what may pass (the
    lease is free then), `PermanentFailure` for what does not: the batch is failed, keeps others from starting, and
    may be run again once somebody has looked.
    """
    batches = context.store.batches
    batch = batches.get(batch_id)
    if batch.status in REVERSIBLE:
        return batch
    _require_applicable(context, batch)
    held = HeldBatch(context, batches.acquire(batch, context.owner, now=context.clock(), lasts=context.lease))
    try:
        with held:
            ended = _apply(context, held)
        return _end(context, held, ended)
    except LeaseLost:
        return batches.get(batch_id)
    except PlatformError as error:
        _stop(context, held, error)
        raise


def run_when_free(context: BtcContext, batch_id: str) -> Batch:
    """As `run`, but what another worker has is waited for instead of refused; the batch as it is then.

    It has ended, or that other worker has failed it: then somebody has to look before it is run again. Raises as
    `run` does.
    """
    waited = False
    while True:
        batch = context.store.batches.get(batch_id)
        if is_held(context, batch):
            waited = True
            await_worker(context, batch)
            continue
        if waited and batch.status is BatchStatus.FAILED:
            return batch
        try:
            batch = run(context, batch_id)
        except (LeaseHeld, Changed):
            waited = True
            continue
        if batch.status is not BatchStatus.PROCESSING:
            return batch


def _apply(context: BtcContext, held: HeldBatch) -> Batch:
    """Write every row that is missing and the house's, and prove it; the batch as it shall end."""
    batch, ledger = held.batch, context.store.ledger
    header = _header(batch)
    rows = draft.pending(context, batch)
    users = rows.get_column("user_id")
    left = rows
    if batch.fencing > 1:
        # others have worked on it: what they have booked as sealed is done, whatever the batch says of itself
        booked = ledger.rows(batch.batch_id, batch.shards, users)
        left = _missing(rows, booked)
        held.progress.recount(booked)
    _write_rows(context, held, header, left)
    plan = draft.sealed(context, batch)
    booked = ledger.rows(batch.batch_id, batch.shards, users)
    held.progress.recount(booked)
    missing = rows.join(booked, on="user_id", how="anti").height
    if missing:
        raise PermanentFailure(
            "ledger-rows-missing",
            "{count} rows of batch {batch} are not in the ledger though they were written",
            count=missing,
            batch=batch.batch_id,
        )
    total = applied_sum(booked)
    _write_house(context, header, total)
    counted = recount(plan, booked)
    ended = replace(
        batch,
        status=BatchStatus.COMPLETED_WITH_FAILURES if counted.failed else BatchStatus.COMPLETED,
        processed_user_count=counted.applied,
        failed_user_count=counted.failed,
        applied_sum=total,
    )
    proof = prove(ended, plan, _with_house(booked, total))
    if not proof.ok:
        names = ", ".join(f"{check.name} ({check.found}, not {check.expected})" for check in proof.failed)
        raise PermanentFailure(
            "proof-fails", "the proof of batch {batch} fails: {checks}", batch=batch.batch_id, checks=names
        )
    held.check()
    return ended


def _missing(rows: pl.DataFrame, booked: pl.DataFrame) -> pl.DataFrame:
    """The sealed rows that still have to be sent; one that is booked otherwise than sealed is refused then."""
    failed = booked.filter(pl.col("state") == RowState.FAILED)
    return rows.join(booked, on=["user_id", "amount"], how="anti", maintain_order="left").join(
        failed, on="user_id", how="anti", maintain_order="left"
    )


def _end(context: BtcContext, held: HeldBatch, ended: Batch) -> Batch:
    """One conditional write: the terminal status, and the lock is free. Raises `LeaseLost`."""
    done = context.store.batches.move(
        held.current(),
        ended.status,
        completed_at=context.clock(),
        processed_user_count=ended.processed_user_count,
        failed_user_count=ended.failed_user_count,
        applied_sum=ended.applied_sum,
    )
    context.progress(f"{done.batch_id}: {done.status}, {done.processed_user_count} users booked")
    return done


def _stop(context: BtcContext, held: HeldBatch, error: PlatformError) -> None:
    """Leave the batch to the next worker, or to a person. Where that cannot be written the lease runs out."""
    batches = context.store.batches
    fields = held.progress.fields()
    with suppress(PlatformError):
        now = held.current()
        if error.permanent:
            free = {"lease_owner": None, "lease_expires_at": None, "error_message": error.message}
            batches.move(now, BatchStatus.FAILED, **free, **fields)
        else:
            batches.release(now, **fields)


# writing


def _write_rows(context: BtcContext, held: HeldBatch, header: Header, rows: pl.DataFrame) -> None:
    """Write the rows chunk by chunk, some chunks at once, until an error or the loss of the lease."""
    size = held.batch.chunk_users
    stopped = threading.Event()

    def write(first: int) -> None:
        if stopped.is_set() or held.lost.is_set():
            return
        chunk = rows.slice(first, size).rows()
        try:
            held.progress.add(chunk, context.store.ledger.write_chunk(header, chunk))
        except BaseException:
            stopped.set()
            raise

    total = held.progress.users + rows.height
    with ThreadPoolExecutor(WRITERS, thread_name_prefix="btc-apply") as pool:
        chunks = [pool.submit(write, first) for first in range(0, rows.height, size)]
        try:
            left = set(chunks)
            while left:
                _, left = wait(left, timeout=context.heartbeat)
                context.progress(f"{held.batch.batch_id}: {held.progress.users} of {total} users")
        except BaseException:
            # interrupted: the chunks at work are finished, no other is begun
            stopped.set()
            raise
    errors = [error for chunk in chunks if (error := chunk.exception()) is not None]
    if errors:
        # what no waiting mends weighs more than what may pass, and what nobody expected most of all
        raise max(errors, key=lambda error: (not isinstance(error, PlatformError), getattr(error, "permanent", True)))
    held.check()


def _header(batch: Batch) -> Header:
    return Header(
        batch.batch_id,
        TransactionType.ADJUSTMENT,
        batch.created_at,
        batch.created_by,
        batch.memo,
        batch.shards,
    )


def _write_house(context: BtcContext, header: Header, total: int) -> None:
    """The other side of all amounts, once all of them are in the ledger: no later row can change their sum."""
    context.store.accounts.open_many([], created_by=SYSTEM)
    if total:
        context.store.ledger.write_house(header, -total)


def _with_house(booked: pl.DataFrame, total: int) -> pl.DataFrame:
    """The ledger's rows with the one of the house, which has been written or found as it must be."""
    if not total or booked.filter(pl.col("user_id") == HOUSE).height:
        return booked
    house = {"user_id": [HOUSE], "amount": [-total], "state": [str(RowState.APPLIED)], "reason": [None]}
    return pl.concat([booked, pl.DataFrame(house, schema=LEDGER_SCHEMA)])

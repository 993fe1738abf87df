"""Workers that stop beyond their lease or meet each other, and batches that others left. Kills: test_proving.py."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest

from batch_platform.btc import service
from batch_platform.btc.model import LEDGER_SCHEMA, REVERSIBLE, Batch, BatchStatus
from batch_platform.btc.service import BtcContext
from batch_platform.btc.service.lease import HeldBatch, Progress
from batch_platform.btc.store import LeaseLost, Outcome
from batch_platform.core.failures import Conflict
from batch_platform_tests.btc.clock import NOW
from batch_platform_tests.btc.service_tools import (
    ANN,
    BTC,
    Killed,
    Mortal,
    Paused,
    Stage,
    balances,
    booked,
    expected,
    house,
    made,
    open_users,
)
from batch_platform_tests.waiting import PATIENCE


def test_a_batch_killed_before_its_seal_is_planned_by_whoever_finds_it(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    with pytest.raises(Killed):
        made(stage.context(Mortal(stage.dynamodb, 1)))
    [pending] = service.history(context, BatchStatus.PENDING).batches
    with pytest.raises(Conflict, match="is pending: nothing to apply"):
        service.run(context, pending.batch_id)
    assert service.abandoned(context) == []
    stage.later()
    assert service.abandoned(context) == [pending]
    context.store.accounts.deposit("user-05", BTC, transaction_id="d-1", created_by="x")
    planned = service.replan(context, pending.batch_id)
    assert service.replan(context, pending.batch_id) == planned
    # what was paid in before the new cut-off takes part
    amounts = dict(service.sealed_rows(context, planned.batch_id).select("user_id", "amount").rows())
    assert amounts["user-05"] == expected({**before, "user-05": 2 * BTC}, "5")["user-05"]


def test_of_two_planners_the_first_seal_counts(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    with pytest.raises(Killed):
        made(stage.context(Mortal(stage.dynamodb, 1)))
    [pending] = service.history(context).batches
    with ThreadPoolExecutor(4) as pool:
        sealed = list(pool.map(lambda _: service.replan(stage.context(), pending.batch_id), range(4)))
    assert len({one.plan_sha256 for one in sealed}) == 1
    assert {one.cutoff_at for one in sealed} == {service.batch(context, pending.batch_id).cutoff_at}
    assert all(one.plan_sha256 for one in sealed)


def test_workers_that_take_the_batch_from_each_other(stage: Stage) -> None:
    """Leases of a few looks at the clock: each worker may take over from each other at any time."""
    context = stage.context(chunk_users=1, shards=16)
    before = open_users(context)
    batch = made(context)

    def work(_: int) -> Batch:
        mine = replace(stage.context(), lease=timedelta(milliseconds=20), heartbeat=0.05)
        while True:
            try:
                found = service.run(mine, batch.batch_id)
            except Conflict:
                found = service.batch(mine, batch.batch_id)
            if found.status in REVERSIBLE:
                return found

    with ThreadPoolExecutor(3) as pool:
        ends = list(pool.map(work, range(3)))
    assert ends[0] == ends[1] == ends[2]
    wanted = expected(before, "5")
    assert booked(context, ends[0]) == wanted
    assert balances(context) == {user: balance + wanted.get(user, 0) for user, balance in before.items()}
    assert (house(context), ends[0].status) == (-sum(wanted.values()), BatchStatus.COMPLETED)
    assert service.verify(context).ok


# with one chunk at work the transactions of a run are its 3 chunks, the house's opening, its row, and the end
@pytest.mark.parametrize("at", [1, 2, 4, 5, 6])
def test_a_worker_paused_beyond_its_lease_harms_nothing(stage: Stage, at: int) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context, "-5")
    paused = Paused(stage.dynamodb, at)
    first = replace(stage.context(paused), heartbeat=30.0)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(service.run, first, batch.batch_id)
        assert paused.stopped.wait(PATIENCE)
        with pytest.raises(Conflict, match="is worked on by"):
            service.run(context, batch.batch_id)
        context.store.accounts.deposit("user-05", BTC, transaction_id="d-1", created_by="x")
        stage.later()
        assert [one.batch_id for one in service.waiting_for_worker(context)] == [batch.batch_id]
        done = service.run(context, batch.batch_id)
        assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
        context.store.accounts.deposit("user-06", BTC, transaction_id="d-2", created_by="x")
        paused.go_on.set()
        assert slow.result(PATIENCE) == done
    wanted = expected(before, "-5")
    assert booked(context, done) == wanted
    paid = {"user-05": BTC, "user-06": BTC}
    assert balances(context) == {
        user: balance + wanted.get(user, 0) + paid.get(user, 0) for user, balance in before.items()
    }
    assert service.batch(context, batch.batch_id) == done
    assert service.verify(context).ok


def test_a_worker_stops_when_it_hears_that_its_lease_is_gone(stage: Stage) -> None:
    context = stage.context(chunk_users=1)
    open_users(context)
    batch = made(context)
    paused = Paused(stage.dynamodb, 1)
    first = replace(stage.context(paused), heartbeat=0.01, lease=timedelta(0))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(service.run, first, batch.batch_id)
        assert paused.stopped.wait(PATIENCE)
        taken = take_over(context, batch.batch_id)
        # the heartbeat goes on while the worker's chunks hang, and ends when it finds the other's name
        [heart] = [thread for thread in threading.enumerate() if thread.name == "btc-lease"]
        heart.join(PATIENCE)
        assert not heart.is_alive()
        paused.go_on.set()
        assert slow.result(PATIENCE) == taken
    assert taken.lease_owner == context.owner
    # the chunks at work were finished, no other was begun
    assert len(booked(context, taken)) <= 4 < taken.counters.pending
    stage.later()
    assert service.run(stage.context(), batch.batch_id).status is BatchStatus.COMPLETED
    assert service.verify(context).ok


def take_over(context: BtcContext, batch_id: str) -> Batch:
    """Acquire a batch between two renewals of another worker."""
    while True:
        batches = context.store.batches
        try:
            return batches.acquire(batches.get(batch_id), context.owner, now=context.clock(), lasts=context.lease)
        except Conflict:
            continue


def test_progress_is_saved_while_chunks_are_at_work(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    paused = Paused(stage.dynamodb, 4)
    first = replace(stage.context(paused), heartbeat=0.01)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(service.run, first, batch.batch_id)
        assert paused.stopped.wait(PATIENCE)
        seen = service.batch(context, batch.batch_id)
        while seen.processed_user_count < 9:
            seen = service.batch(context, batch.batch_id)
        assert (seen.lease_expires_at or stage.clock()) > context.lease + (seen.started_at or stage.clock())
        assert (seen.status, seen.counters.applied, seen.counters.pending) == (BatchStatus.PROCESSING, 9, 0)
        assert service.proof(context, batch.batch_id).ok
        paused.go_on.set()
        done = slow.result(PATIENCE)
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 1)


def test_a_renewal_whose_reply_was_lost_is_met(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    working = context.store.batches.acquire(batch, context.owner, now=stage.clock())
    held = HeldBatch(context, working)
    context.store.batches.renew(working, now=stage.clock(), processed_user_count=1)
    held.renew()
    assert held.batch == service.batch(context, batch.batch_id)
    stage.later()
    context.store.batches.acquire(held.batch, "other", now=stage.clock())
    with pytest.raises(LeaseLost):
        held.renew()
    assert held.lost.is_set()


def test_progress_begins_with_the_ledger_and_counts_what_is_written() -> None:
    batch = Batch("b", Decimal(5), BatchStatus.PROCESSING, ANN, NOW, processed_user_count=99, applied_sum=99)
    progress = Progress(batch)
    booked = [("a", 5, "applied", None), ("b", 0, "failed", "below_zero"), ("house", -5, "applied", None)]
    progress.recount(pl.DataFrame(booked, schema=LEDGER_SCHEMA, orient="row"))
    assert progress.users == 2
    progress.add([("c", 10), ("d", 7), ("e", 1)], Outcome(applied=2, failed={"d": "below_zero"}))
    assert progress.fields() == {"processed_user_count": 3, "failed_user_count": 2, "applied_sum": 16}
    assert progress.users == 5


def test_a_batch_of_a_process_that_is_gone_is_due_at_once(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    context.store.batches.acquire(batch, f"{socket.gethostname()}/4194305/1/ab", now=stage.clock())
    assert [one.batch_id for one in service.waiting_for_worker(context)] == [batch.batch_id]
    assert service.run(context, batch.batch_id).fencing == 2

"""Workers that wait while another one works: whose death they notice, and what they leave alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from batch_platform.btc import service
from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.service import BtcContext
from batch_platform.btc.store import Batches
from batch_platform.core.failures import Conflict, NotFound
from batch_platform_tests.btc.service_tools import Stage, booked, expected, made, open_users
from batch_platform_tests.other_worker import other_worker
from batch_platform_tests.waiting import PATIENCE

ELSEWHERE = "elsewhere/1/1/ab"


@contextmanager
def waiting_for(context: BtcContext, batch: Batch) -> Iterator[Future[Batch]]:
    """Another worker that has seen that it has to wait."""
    waits = threading.Event()
    patient = replace(context, progress=lambda _: waits.set(), sleep=time.sleep, heartbeat=0.05)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(service.run_when_free, patient, batch.batch_id)
        assert waits.wait(PATIENCE)
        yield found


def test_without_another_worker_it_begins(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    done = service.run_when_free(context, made(context).batch_id)
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 1)
    assert booked(context, done) == expected(before, "5")
    assert service.run_when_free(context, done.batch_id) == done


def test_a_batch_that_nobody_approved_is_refused(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = service.create(context, "5", by="local:ann", approve=False)
    with pytest.raises(Conflict, match="waits for 1 more approval"):
        service.run_when_free(context, batch.batch_id)


def test_the_death_of_a_process_is_noticed_long_before_its_lease_runs_out(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    with other_worker() as (other, name):
        context.store.batches.acquire(batch, name, now=context.clock())
        with waiting_for(context, batch) as waiting:
            assert not waiting.done()
            other.kill()
            other.wait()
            done = waiting.result(PATIENCE)
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
    assert booked(context, done) == expected(before, "5")


def test_a_plan_that_is_lost_fails_the_batch_of_a_dead_worker(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    stage.later()
    lost = context.store.batches.amend(context.store.batches.get(batch.batch_id), plan_sha256="0" * 64)
    with pytest.raises(NotFound, match="has no such plan"):
        service.run_when_free(context, batch.batch_id)
    failed = context.store.batches.get(batch.batch_id)
    assert (failed.status, failed.is_open, failed.fencing) == (BatchStatus.FAILED, True, lost.fencing + 1)
    assert "has no such plan" in str(failed.error_message)
    assert booked(context, batch) == {}


def test_a_worker_elsewhere_is_followed_when_its_lease_runs_out(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    with waiting_for(context, batch) as waiting:
        stage.later()
        done = waiting.result(PATIENCE)
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
    assert booked(context, done) == expected(before, "5")


def test_a_renewal_that_comes_after_the_death_of_its_sender_is_looked_at_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed process's last request may arrive between the look at the batch and its lease being taken."""
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    held = context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    stage.later()
    plain = Batches.acquire
    late = [held]

    def beaten(self: Batches, found: Batch, owner: str, **times: Any) -> Batch:
        if late:
            self.renew(late.pop(), now=context.clock(), lasts=timedelta(milliseconds=1))
        return plain(self, found, owner, **times)

    monkeypatch.setattr(Batches, "acquire", beaten)
    done = service.run_when_free(context, batch.batch_id)
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
    assert booked(context, done) == expected(before, "5")


def test_what_another_worker_ends_is_left_as_it_is(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    held = context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    with waiting_for(context, batch) as waiting:
        done = service.run(replace(context, owner=ELSEWHERE), held.batch_id)
        assert waiting.result(PATIENCE) == done
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
    assert booked(context, done) == expected(before, "5")


def test_what_another_worker_fails_waits_for_a_person(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    held = context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    with waiting_for(context, batch) as waiting:
        failed = context.store.batches.move(
            held, BatchStatus.FAILED, lease_owner=None, lease_expires_at=None, error_message="look at it"
        )
        assert waiting.result(PATIENCE) == failed
    assert booked(context, batch) == {}


def test_of_several_one_goes_on(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    held = context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    with waiting_for(stage.context(), batch) as one, waiting_for(stage.context(), batch) as other:
        context.store.batches.release(held)
        assert one.result(PATIENCE) == other.result(PATIENCE)
    done = one.result()
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
    assert booked(context, done) == expected(before, "5")
    assert service.verify(context).ok

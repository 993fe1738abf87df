"""Workers that stand by while another one works: whose death they notice, and what they leave alone."""

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
from batch_platform.btc.service import BtcContext, apply
from batch_platform.btc.store import Batches, PlanLake
from batch_platform.core.failures import Conflict, NotFound
from batch_platform_tests.btc.service_tools import Stage, booked, expected, made, open_users
from batch_platform_tests.other_worker import other_worker
from batch_platform_tests.waiting import PATIENCE

ELSEWHERE = "elsewhere/1/1/ab"


@contextmanager
def standing_by(context: BtcContext, batch: Batch) -> Iterator[Future[Batch]]:
    """Another worker that has seen that it has to wait."""
    waits = threading.Event()
    patient = replace(context, progress=lambda _: waits.set(), sleep=time.sleep, heartbeat=0.05)
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(service.stand_by, patient, batch.batch_id)
        assert waits.wait(PATIENCE)
        yield found


def test_without_another_worker_it_begins(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    done = service.stand_by(context, made(context).batch_id)
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 1)
    assert booked(context, done) == expected(before, "5")
    assert service.stand_by(context, done.batch_id) == done


def test_a_batch_that_nobody_approved_is_refused(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = service.create(context, "5", by="local:ann", approve=False)
    with pytest.raises(Conflict, match="waits for 1 more approval"):
        service.stand_by(context, batch.batch_id)


def test_the_death_of_a_process_is_noticed_long_before_its_lease_runs_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    reads: list[str] = []
    plain = PlanLake.pending

    def counted(self: PlanLake, *plan: Any) -> object:
        reads.append(threading.current_thread().name)
        return plain(self, *plan)

    monkeypatch.setattr(PlanLake, "pending", counted)
    with other_worker() as (other, name):
        context.store.batches.acquire(batch, name, now=context.clock())
        with standing_by(context, batch) as waiting:
            assert reads  # before the other one has died
            assert not waiting.done()
            other.kill()
            other.wait()
            done = waiting.result(PATIENCE)
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
    assert booked(context, done) == expected(before, "5")
    assert len(reads) == 1


def test_who_comes_after_a_death_leaves_the_batch_to_whoever_stands_by_longer(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has to read the rows; one that has them takes the lease meanwhile, and is not asked for it."""
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    with other_worker() as (other, name):
        held = context.store.batches.acquire(batch, name, now=context.clock())
        other.kill()
        other.wait()
    rows = context.store.plans.pending(batch.batch_id, str(batch.plan_sha256), batch.plan_file_sha256)
    longer = replace(context, owner=f"{ELSEWHERE}/longer")
    plain_read, plain_acquire = PlanLake.pending, Batches.acquire
    asked: list[str] = []

    def overtaken(self: PlanLake, *plan: Any) -> object:
        monkeypatch.setattr(PlanLake, "pending", plain_read)
        apply.go_on(longer, held, rows)
        return plain_read(self, *plan)

    def noted(self: Batches, found: Batch, owner: str, **times: Any) -> Batch:
        asked.append(owner)
        return plain_acquire(self, found, owner, **times)

    monkeypatch.setattr(PlanLake, "pending", overtaken)
    monkeypatch.setattr(Batches, "acquire", noted)
    done = service.stand_by(context, batch.batch_id)
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
    assert booked(context, done) == expected(before, "5")
    assert asked == [longer.owner]


def test_a_plan_that_is_lost_fails_the_batch_of_a_dead_worker(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    stage.later()
    lost = context.store.batches.amend(context.store.batches.get(batch.batch_id), plan_sha256="0" * 64)
    with pytest.raises(NotFound, match="has no such plan"):
        service.stand_by(context, batch.batch_id)
    failed = context.store.batches.get(batch.batch_id)
    assert (failed.status, failed.is_open, failed.fencing) == (BatchStatus.FAILED, True, lost.fencing + 1)
    assert "has no such plan" in str(failed.error_message)
    assert booked(context, batch) == {}


def test_a_plan_that_is_lost_is_left_to_the_worker_that_has_the_lease(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    held = context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    lost = context.store.batches.amend(held, plan_sha256="0" * 64)
    with standing_by(context, batch) as waiting:
        found = context.store.batches.amend(lost, plan_sha256=batch.plan_sha256)
        done = service.run(replace(context, owner=ELSEWHERE), found.batch_id)
        assert waiting.result(PATIENCE) == done
    assert booked(context, done) == expected(before, "5")


def test_a_worker_elsewhere_is_followed_when_its_lease_runs_out(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    with standing_by(context, batch) as waiting:
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
    done = service.stand_by(context, batch.batch_id)
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
    assert booked(context, done) == expected(before, "5")


def test_what_another_worker_ends_is_left_as_it_is(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    held = context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    with standing_by(context, batch) as waiting:
        done = service.run(replace(context, owner=ELSEWHERE), held.batch_id)
        assert waiting.result(PATIENCE) == done
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
    assert booked(context, done) == expected(before, "5")


def test_what_another_worker_fails_waits_for_a_person(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    held = context.store.batches.acquire(batch, ELSEWHERE, now=context.clock())
    with standing_by(context, batch) as waiting:
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
    with standing_by(stage.context(), batch) as one, standing_by(stage.context(), batch) as other:
        context.store.batches.release(held)
        assert one.result(PATIENCE) == other.result(PATIENCE)
    done = one.result()
    assert (done.status, done.fencing) == (BatchStatus.COMPLETED, 2)
    assert booked(context, done) == expected(before, "5")
    assert service.verify(context).ok

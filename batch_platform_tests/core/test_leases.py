"""Leases: free when they end or their worker is dead, kept while it works, given up when another has them."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from batch_platform.core.failures import Conflict, PermanentFailure, TransientFailure
from batch_platform.core.leases import KeptLease, is_held
from batch_platform.core.workers import worker_name
from batch_platform_tests.other_worker import other_worker
from batch_platform_tests.waiting import PATIENCE

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("owner", "until", "held"),
    [
        (None, None, False),
        ("elsewhere/1/1/ab", LATER, True),
        ("elsewhere/1/1/ab", NOW, False),
        ("elsewhere/1/1/ab", None, False),
        (worker_name(), LATER, True),
    ],
    ids=["nobody", "elsewhere", "expired", "never lasted", "this process"],
)
def test_who_holds_a_lease(owner: str | None, until: datetime | None, held: bool) -> None:
    assert is_held(owner, until, NOW) is held


def test_the_lease_of_a_killed_process_is_free_at_once() -> None:
    with other_worker() as (process, name):
        assert is_held(name, LATER, NOW)
        process.kill()
        process.wait()
        assert not is_held(name, LATER, NOW)


def test_a_lease_is_renewed_until_the_work_ends() -> None:
    renewed = threading.Semaphore(0)
    with KeptLease(renewed.release, every=0.001, name="test-lease") as lease:
        for _ in range(3):
            assert renewed.acquire(timeout=PATIENCE)
        [beat] = [thread for thread in threading.enumerate() if thread.name == "test-lease"]
    assert not beat.is_alive()
    assert not lease.lost.is_set()


def test_a_renewal_ends_with_the_work_that_fails() -> None:
    with pytest.raises(ZeroDivisionError), KeptLease(lambda: None, every=60, name="test-lease"):
        raise ZeroDivisionError
    assert "test-lease" not in {thread.name for thread in threading.enumerate()}


def test_a_lease_that_another_has_is_lost_and_asked_for_no_more() -> None:
    calls: list[int] = []

    def renew() -> None:
        calls.append(1)
        raise Conflict("taken-over", "taken over")

    with KeptLease(renew, every=0.001, name="test-lease") as lease:
        assert lease.lost.wait(PATIENCE)
        for beat in [thread for thread in threading.enumerate() if thread.name == "test-lease"]:
            beat.join(PATIENCE)
            assert not beat.is_alive()
    assert calls == [1]


@pytest.mark.parametrize("failure", [TransientFailure("away", "away"), PermanentFailure("broken", "broken")])
def test_a_service_that_fails_is_asked_again(failure: Exception) -> None:
    answers = iter([failure, failure])
    renewed = threading.Event()

    def renew() -> None:
        if (error := next(answers, None)) is not None:
            raise error
        renewed.set()

    with KeptLease(renew, every=0.001, name="test-lease") as lease:
        assert renewed.wait(PATIENCE)
    assert not lease.lost.is_set()

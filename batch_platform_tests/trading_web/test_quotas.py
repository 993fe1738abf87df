"""Quotas: as many requests as there is room for, whoever counts them, and again after their time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import accumulate

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch_platform.core import postgres
from batch_platform.trading.service.quotas import Quota, wait
from batch_platform.trading.store.players import PlayersStore
from batch_platform_tests.web.site import NOON

THREE = Quota("three", 3, timedelta(minutes=1))


def test_a_quota_fills_again(pool: postgres.Pool) -> None:
    assert [wait(pool, THREE, "a", now=NOON) for _ in range(4)] == [None] * 3 + [timedelta(seconds=20)]
    assert wait(pool, THREE, "b", now=NOON) is None
    assert wait(pool, Quota("other", 1, timedelta(hours=1)), "a", now=NOON) is None
    later = NOON + timedelta(seconds=19)
    assert wait(pool, THREE, "a", now=later) == timedelta(seconds=1)
    assert wait(pool, THREE, "a", now=NOON + timedelta(seconds=20)) is None
    much_later = NOON + timedelta(hours=1)
    assert [wait(pool, THREE, "a", now=much_later) for _ in range(4)] == [None] * 3 + [timedelta(seconds=20)]


def test_many_at_once_get_what_there_is(pool: postgres.Pool) -> None:
    with ThreadPoolExecutor(12) as threads:
        waits = list(threads.map(lambda _: wait(pool, THREE, "a", now=NOON), range(24)))
    assert sum(found is None for found in waits) == 3


@pytest.fixture
def callers() -> Iterator[str]:
    return map(str, range(1_000_000))


@given(st.lists(st.integers(0, 40), max_size=30))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_no_minute_are_there_more_than_twice_as_many(
    pool: postgres.Pool, callers: Iterator[str], gaps: list[int]
) -> None:
    """Three at once, and one more every 20 seconds: at most 3 + 3 in any minute, and never none for long."""
    caller = next(callers)
    moments = [NOON + timedelta(seconds=seconds) for seconds in accumulate(gaps)]
    passed = [now for now in moments if wait(pool, THREE, caller, now=now) is None]
    for start in passed:
        assert sum(start <= now < start + timedelta(minutes=1) for now in passed) <= 6
    for now in moments:
        assert any(now - timedelta(seconds=20) <= earlier <= now for earlier in passed) or not passed


def test_full_buckets_are_forgotten(pool: postgres.Pool) -> None:
    for caller in "abc":
        wait(pool, THREE, caller, now=NOON)
    with PlayersStore(pool).transaction() as session:
        session.delete_ended(now=NOON + timedelta(seconds=19))
        kept = session.connection.execute("SELECT count(*) FROM trading.request_rates").fetchone()
        session.delete_ended(now=NOON + timedelta(seconds=20))
        left = session.connection.execute("SELECT count(*) FROM trading.request_rates").fetchone()
    assert (kept, left) == ((3,), (0,))

"""The buckets of all machines: turns are spaced, whoever takes them, and nobody waits longer than he has patience."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from batch_platform.trading.service import TradingContext
from batch_platform.trading.store.source_buckets import database_buckets

HOUR = timedelta(hours=1)


def test_turns_of_many_askers_are_spaced(trading: TradingContext) -> None:
    waits: list[float] = []

    def take(_: int) -> bool:
        bucket = database_buckets(trading.pool)("spaced", "http://a", Decimal("0.01"))
        return replace(bucket, sleep=waits.append).take(HOUR)

    with ThreadPoolExecutor(8) as askers:
        assert list(askers.map(take, range(20))) == [True] * 20
    # the first one waits for nothing; the clock goes on while the others ask
    turns = sorted([0, *waits])
    assert [round(turn / 100) for turn in turns] == list(range(20))


def test_who_would_wait_too_long_takes_no_turn(trading: TradingContext) -> None:
    waits: list[float] = []
    bucket = database_buckets(trading.pool)("impatient", "http://a", Decimal("0.01"))
    bucket = replace(bucket, sleep=waits.append)
    assert [bucket.take(timedelta(seconds=1)) for _ in range(3)] == [True, False, False]
    assert bucket.take(timedelta(seconds=101))
    bucket.hold(HOUR)
    assert not bucket.take(timedelta(minutes=59))
    assert bucket.take(HOUR)
    bucket.hold(timedelta(seconds=1))  # a shorter pause ends no longer one
    assert not bucket.take(timedelta(minutes=59))
    assert 99 < waits[0] <= 100

"""When ticks are due, how long a price is good, which token is fetched first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.trading.cadence import (
    Candidate,
    due_ticks,
    due_windows,
    is_due,
    is_good,
    may_refresh,
    next_due,
    refresh_order,
    volatility,
    window_of,
)

TOKYO = timezone(timedelta(hours=9))
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
instants = st.integers(0, 365 * 86_400 * 10).map(lambda tenths: NEW_YEAR + timedelta(seconds=tenths / 10))


def tokyo(clock: str) -> datetime:
    hour, minute, *second = map(int, clock.split(":"))
    return datetime(2026, 11, 10, hour, minute, *second, tzinfo=TOKYO)


def clocks(start: str, end: str) -> list[str]:
    return [at.astimezone(TOKYO).strftime("%H:%M") for at in due_ticks(tokyo(start), tokyo(end))]


def test_the_cadence_of_the_night():
    assert clocks("00:40", "01:31") == ["00:40", "00:50", "01:00", "01:15", "01:30"]
    assert clocks("05:30", "06:21") == ["05:30", "05:45", "06:00", "06:10", "06:20"]
    assert not is_due(tokyo("01:10"))
    assert not is_due(tokyo("00:10:01"))
    assert len(list(due_ticks(tokyo("00:00"), tokyo("00:00") + timedelta(days=1)))) == 19 * 6 + 5 * 4


def test_windows_without_a_due_tick_are_not_missing():
    windows = due_windows(tokyo("01:00"), tokyo("02:00"))
    assert [at.astimezone(TOKYO).minute for at in windows] == [0, 10, 30, 40]
    assert window_of(tokyo("01:15:59")) == tokyo("01:10")


@given(instants)
def test_the_next_due_tick_follows_every_instant(at):
    due = next_due(at)
    assert at < due <= at + timedelta(minutes=15)
    assert is_due(due)
    assert list(due_ticks(at + timedelta(microseconds=1), due)) == []


@given(instants, st.integers(0, 200_000))
def test_due_ticks_are_the_due_instants(start, seconds):
    end = start + timedelta(seconds=seconds)
    minutes = [start.replace(second=0, microsecond=0) + timedelta(minutes=n) for n in range(seconds // 60 + 2)]
    assert list(due_ticks(start, end)) == [at for at in minutes if start <= at < end and is_due(at)]


@pytest.mark.parametrize(
    ("age", "good", "refresh"),
    [
        (-1, False, False),
        (0, True, False),
        (30, True, False),
        (31, True, True),
        (1800, True, True),
        (1801, False, True),
    ],
)
def test_how_long_a_price_is_good(age, good, refresh):
    at = tokyo("12:00")
    assert is_good(at - timedelta(seconds=age), at) is good
    assert may_refresh(at - timedelta(seconds=age), at) is refresh


def test_what_moves_much_in_many_hands_is_fetched_first():
    at = tokyo("12:00")
    old = at - timedelta(minutes=5)
    calm, wild = [Decimal("100"), Decimal("101")], [Decimal("100"), Decimal("110")]
    candidates = [
        Candidate("calm", calm, 100, old),
        Candidate("wild", wild, 20, old),
        Candidate("quiet", wild, 0, old),
        Candidate("just seen", wild, 900, at - timedelta(seconds=30)),
        Candidate("unmoved", [Decimal(1)] * 2, 7, old),
        Candidate("unmoved, older", [Decimal(1)] * 2, 7, old - timedelta(minutes=1)),
        Candidate("never seen", [], 1, None),
    ]
    order = ["never seen", "wild", "calm", "unmoved, older", "unmoved"]
    assert refresh_order(candidates, at) == order
    assert refresh_order(reversed(candidates), at) == order
    assert volatility(wild) == Decimal("0.1")

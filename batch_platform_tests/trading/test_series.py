"""The PnL series at the edges of windows and buckets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.trading.instants import instant_text, parse_instant
from batch_platform.trading.series import BUCKETS_SINCE, Period, Row, points, shown

NOW = datetime(2026, 11, 12, 10, 30, tzinfo=UTC)
ZERO = D(0)


def rows(*moments: datetime) -> list[Row]:
    return [Row(at, D(100), ZERO) for at in moments]


def moments(found: list[Row]) -> list[datetime]:
    return [row.at for row in found]


@pytest.mark.parametrize("period", list(Period), ids=str)
def test_a_window_has_both_its_ends(period):
    since, second = NOW - period.length, timedelta(seconds=1)
    found = shown(rows(since - second, since, NOW, NOW + second), period, NOW)
    assert moments(found) == [since, NOW]


@pytest.mark.parametrize("period", list(Period), ids=str)
def test_the_newest_of_each_bucket_is_shown(period):
    start = BUCKETS_SINCE + (NOW - BUCKETS_SINCE) // period.bucket * period.bucket - period.bucket
    second = timedelta(seconds=1)
    last = start + period.bucket - second
    now = start + period.bucket + second
    first = now - period.length
    found = shown(rows(first, start - second, start, last, start + period.bucket), period, now)
    assert moments(found) == [first, start - second, last, start + period.bucket]


def test_long_buckets_begin_on_a_monday_of_1970():
    def last_of(*texts: str) -> list[str]:
        found = shown(rows(*(parse_instant(f"{text}Z") for text in texts)), period, NOW)
        return [instant_text(row.at) for row in found[1:]]

    period, first = Period.QUARTER, "2026-09-01T00:00:00"
    two_days = ("2026-11-08T23:59:59", "2026-11-09T00:00:00", "2026-11-10T23:59:59", "2026-11-11T00:00:00")
    assert last_of(first, *two_days) == [f"{two_days[n]}Z" for n in (0, 2, 3)]
    period = Period.YEAR
    week = ("2026-11-01T23:59:59", "2026-11-02T00:00:00", "2026-11-08T23:59:59", "2026-11-09T00:00:00")
    assert last_of(first, *week) == [f"{week[n]}Z" for n in (0, 2, 3)]


def test_the_first_row_stays_beside_the_newest_of_its_bucket():
    first, newest = NOW.replace(minute=5), NOW.replace(minute=25)
    assert moments(shown(rows(newest, NOW.replace(minute=15), first), Period.DAY, NOW)) == [first, newest]
    assert moments(shown(rows(first), Period.DAY, NOW)) == [first]
    assert shown([], Period.DAY, NOW) == []


def test_flows_are_no_gain():
    hour = timedelta(hours=1)
    found = points(
        [
            Row(NOW - 2 * hour, D("2850.042"), D(50)),
            Row(NOW - hour, D("3060.1"), D(250)),
            Row(NOW, D("2754.84630001"), D("-12.5")),
        ],
        Period.DAY,
        NOW,
    )
    assert [point.pnl for point in found] == [0, D("10.058"), D("-32.69569999")]
    assert [point.percentage for point in found] == [0, D("0.35290708"), D("-1.14720064")]


def test_percentages_are_rounded_half_even_and_nothing_gains_no_percent():
    def last(first, value):
        return points([Row(NOW - timedelta(hours=1), D(first), ZERO), Row(NOW, D(value), ZERO)], Period.DAY, NOW)[-1]

    assert last("200", "200.00000001").percentage == 0
    assert last("200", "200.00000003").percentage == D("0.00000002")
    assert last("200", "199.99999999").percentage == 0
    assert last("0", "10").percentage == 0
    assert last("0", "10").pnl == 10


@given(st.lists(st.integers(-100_000, 100_000), max_size=30), st.sampled_from(list(Period)), st.randoms())
def test_order_changes_nothing_and_what_is_shown_shows_itself(minutes, period, random):
    given_rows = rows(*{NOW + timedelta(minutes=minute) for minute in minutes})
    found = shown(given_rows, period, NOW)
    random.shuffle(given_rows)
    assert shown(given_rows, period, NOW) == found
    assert shown(found, period, NOW) == found
    assert moments(found) == sorted(set(moments(found)))

"""Thinning at its edges: skipped, repeated or all at once, the same rows stay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from batch_platform.trading.instants import day_start
from batch_platform.trading.retention import kept

SUNDAY = date(2026, 11, 15)
TODAY = day_start(SUNDAY)
SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)

ages = st.lists(st.tuples(st.sampled_from("ab"), st.integers(-10_000, 200_000)), max_size=40)


def of(*moments: datetime) -> list[tuple[str, datetime]]:
    return [("ann", at) for at in moments]


def test_thirty_days_stay_whole():
    edge = TODAY - timedelta(days=30)
    rows = of(edge, edge + SECOND, edge + 2 * SECOND, TODAY, TODAY + timedelta(hours=1))
    assert kept(rows, SUNDAY) == rows
    assert kept(of(edge - 2 * SECOND, edge - SECOND, edge), SUNDAY) == of(edge - SECOND, edge)


def test_up_to_ninety_days_the_newest_of_three_hours_stays():
    start = TODAY - timedelta(days=60)
    last = start + timedelta(hours=3) - SECOND
    rows = of(start - SECOND, start, start + SECOND, last, last + SECOND)
    assert kept(rows, SUNDAY) == of(start - SECOND, last, last + SECOND)


def test_the_ninetieth_day_still_has_its_hours():
    edge = TODAY - timedelta(days=90)
    rows = of(
        edge - timedelta(hours=20),
        edge - timedelta(hours=5),
        edge,
        edge + timedelta(hours=1),
        edge + timedelta(hours=3),
    )
    assert kept(rows, SUNDAY) == of(edge - timedelta(hours=5), edge + timedelta(hours=1), edge + timedelta(hours=3))


def test_users_are_thinned_apart_and_a_row_counts_once():
    old = datetime(2026, 1, 1, 5, tzinfo=UTC)
    later = old + timedelta(hours=1)
    rows = [("bob", later), ("ann", old), ("bob", old), ("bob", later)]
    assert kept(rows, SUNDAY) == [("bob", later), ("ann", old)]


@given(ages, st.integers(0, 20))
def test_weeks_may_be_skipped_repeated_or_done_all_at_once(rows, weeks):
    came = [(user, TODAY - timedelta(minutes=minutes)) for user, minutes in rows]
    last = SUNDAY + weeks * WEEK
    weekly = came
    for week in range(weeks + 1):
        weekly = kept(weekly, SUNDAY + week * WEEK)
    assert weekly == kept(came, last) == kept(kept(came, last), last)

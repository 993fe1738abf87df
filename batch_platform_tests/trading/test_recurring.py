"""Hours and days of live campaigns: which are missing, and that late or again is as on time."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from batch_platform.core.failures import InvalidInput
from batch_platform.trading.service import TradingContext, engine, recurring
from batch_platform_tests.trading.live import START, Live, make_live


@pytest.fixture
def campaign(trading: TradingContext) -> Live:
    """The only live campaign, for what is asked of all."""
    with trading.store.transaction() as session:
        session.connection.execute("UPDATE campaigns SET kind = 'loaded' WHERE kind = 'live'")
    live = make_live(trading, ends_at=START + timedelta(days=2, hours=3, minutes=20))
    live.join("ann")
    live.clock.pass_by(minutes=5)
    live.tick()
    return live


def hours(*indexes: int) -> list[object]:
    return [START + timedelta(hours=index) for index in indexes]


def test_hours_are_missing_from_the_baseline_to_the_end(campaign: Live) -> None:
    context = campaign.context
    assert recurring.missing_hours(context, START) == []
    assert recurring.missing_hours(context, START + timedelta(hours=2, minutes=59)) == hours(1, 2)
    campaign.clock.now = START + timedelta(days=4)
    [taken] = recurring.take_hour(context, START + timedelta(hours=2)).values()
    assert (taken.at, taken.players) == (START + timedelta(hours=2), 1)
    assert recurring.missing_hours(context, campaign.clock.now) == hours(1, *range(3, 53))
    # the last hour is valued at the end, which lies within it
    [last] = recurring.take_hour(context, START + timedelta(hours=52)).values()
    assert last.at == START + timedelta(days=2, hours=3, minutes=20)
    assert recurring.missing_hours(context, campaign.clock.now) == hours(1, *range(3, 52))
    assert recurring.take_hour(context, START + timedelta(hours=53)) == {}


def test_days_accrue_in_order_up_to_the_end_and_no_earlier_than_they_are_over(campaign: Live) -> None:
    context = campaign.context
    assert recurring.first_day(context) == START.date()
    with pytest.raises(InvalidInput, match="is not over yet"):
        recurring.accrue_day(context, START.date())
    campaign.clock.now = START + timedelta(days=9)
    recurring.accrue_day(context, date(2026, 11, 12))
    with context.store.snapshot() as session:
        current = engine.campaign(session, campaign.name)
        assert current.day == date(2026, 11, 11)
        assert [row["k"] for row in session.interest_of_day(current.number, date(2026, 11, 11))] == [
            2 * row["rate"] for row in session.interest_of_day(current.number, date(2026, 11, 10))
        ]
    assert recurring.first_day(context) is None


def test_the_first_day_is_that_of_the_first_player(trading: TradingContext) -> None:
    live = make_live(trading)
    live.join("ann")
    live.clock.pass_by(days=3)
    live.tick()
    with live.context.store.snapshot() as session:
        number = engine.campaign(session, live.name).number
        [first] = session.lst_rates_of_day(number, START.date())
        [now] = session.lst_rates_of_day(number, START.date() + timedelta(days=3))
    assert first["exchange_rate"] < now["exchange_rate"]

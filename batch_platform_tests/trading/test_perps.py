"""Perpetuals: worked positions to the last digit, and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from batch_platform.trading import perps
from batch_platform.trading.amounts import exact
from batch_platform.trading.model import Direction, Refusal
from batch_platform.trading.perps import Position

NONE = D(0)
LAST = Fraction(1, 10**18)
LONG = Position(Direction.LONG, D(300), 9, 13, D("161.391354464"), D("16.729520667"))
SHORT = Position(Direction.SHORT, D("250.5"), 12, 13, D("161.391354464"), D("18.625533009"))
START = datetime(2026, 11, 9, tzinfo=UTC)

prices = st.integers(1, 10**24).map(lambda units: D(f"{units}e-18"))
usdc = st.integers(1, 10**14).map(lambda units: D(f"{units}e-6"))
small = st.integers(-(10**22), 10**22).map(lambda units: D(f"{units}e-18"))


@st.composite
def positions(draw):
    collateral, entry, most = draw(usdc), draw(prices), draw(st.integers(1, 100))
    leverage = draw(st.integers(1, most))
    quantity = perps.quantity(collateral, leverage, entry)
    assume(quantity is not Refusal.AMOUNT_TOO_SMALL)
    return Position(draw(st.sampled_from(list(Direction))), collateral, leverage, most, entry, quantity)


@pytest.mark.parametrize(
    ("position", "fee", "liquidation"),
    [(LONG, "1.08", "149.197341015474961533"), (SHORT, "1.2024", "168.365054965804658822")],
    ids=["long", "short"],
)
def test_a_worked_open(position, fee, liquidation):
    assert perps.quantity(position.collateral, position.leverage, position.entry_price) == position.quantity
    assert perps.open_fee(position.collateral, position.leverage, D(4)) == D(fee)
    assert perps.liquidation_price(position, NONE) == D(liquidation)


def test_a_worked_close():
    closing = perps.close(LONG, D("163.392590864"), D("-0.138759797549842574"), D(4))
    assert (closing.equity, closing.fee) == (D("333.340965915802836226"), D("1.093392"))
    assert (closing.payout, closing.realized_pnl) == (D("332.247573"), D("32.247573"))
    assert perps.liquidation_price(SHORT, D("-0.117249135046539407")) == D("168.358993041325251825")


def test_a_position_of_nothing_is_refused():
    assert perps.quantity(D("0.000001"), 1, D(10_000)) is Refusal.AMOUNT_TOO_SMALL
    assert perps.quantity(D("0.000001"), 1, D(1_000)) == D("1e-9")


@given(positions(), small)
def test_the_liquidation_price_divides_what_is_liquidated(position, paid):
    price = perps.liquidation_price(position, paid)
    assume(price is not None)
    step = position.direction.sign * LAST
    dead, alive = exact(Fraction(price) - step), exact(Fraction(price) + step)
    assert dead <= 0 or perps.is_liquidated(position, dead, paid)
    assert alive <= 0 or not perps.is_liquidated(position, alive, paid)


def test_equality_liquidates():
    position = Position(Direction.LONG, D(100), 10, 10, D(100), D(10))
    # 20 (100 + 10 (P - 100)) = 10 P at P = 1800 / 19; shifted by funding to a whole price
    paid = D("-2.5")
    assert perps.equity(position, D(95), paid) * 20 == 10 * D(95)
    assert perps.is_liquidated(position, D(95), paid)
    assert not perps.is_liquidated(position, D("95.000000000000000001"), paid)


@given(positions(), prices, small)
def test_no_price_above_nothing_liquidates_where_none_is_told(position, price, paid):
    if perps.liquidation_price(position, paid) is None and price > D("1e-17"):
        assert perps.is_liquidated(position, price, paid) == (position.direction is Direction.SHORT)


@given(positions(), prices, small, st.integers(0, 500))
def test_what_a_close_pays_is_what_there_is(position, price, paid, bps):
    closing = perps.close(position, price, paid, D(bps))
    expected = Fraction(position.collateral) + Fraction(paid)
    expected += (
        position.direction.sign * Fraction(position.quantity) * (Fraction(price) - Fraction(position.entry_price))
    )
    assert Fraction(closing.equity) == expected
    left = max(Fraction(0), expected - Fraction(closing.fee))
    assert 0 <= left - Fraction(closing.payout) < Fraction(1, 10**6)
    assert Fraction(closing.realized_pnl) == Fraction(closing.payout) - Fraction(position.collateral)
    size = Fraction(position.quantity) * Fraction(price)
    assert 0 <= Fraction(closing.fee) - bps * size / 10_000 < Fraction(1, 10**6)


@given(positions(), prices, small)
def test_a_liquidation_accounts_for_all_of_the_equity(position, price, paid):
    ended = perps.liquidate(position, price, paid)
    if ended.equity >= 0:
        assert ended.bad_debt == 0
        rest = Fraction(ended.equity) - Fraction(ended.penalty) - Fraction(ended.payout)
        assert 0 <= rest < Fraction(1, 10**6)
        assert Fraction(ended.penalty) <= Fraction(15, 1000) * Fraction(position.quantity) * Fraction(price)
    else:
        assert ended.payout == ended.penalty == 0
        assert 0 <= Fraction(ended.bad_debt) + Fraction(ended.equity) < Fraction(1, 10**6)
    assert ended.fee == 0


@given(positions(), small, small, small)
def test_funding_of_long_and_short_meets_in_the_last_digit(position, opened, between, now):
    at_open = replace(position, index_open=opened)
    long, short = (replace(at_open, direction=direction) for direction in Direction)
    both = Fraction(perps.funding(long, now)) + Fraction(perps.funding(short, now))
    assert both in (0, -LAST)
    owed = -position.direction.sign * Fraction(position.quantity) * (Fraction(now) - Fraction(opened)) / 28_800
    assert 0 <= owed - Fraction(perps.funding(at_open, now)) < LAST
    later = perps.funding(replace(position, index_open=between), now)
    halves = Fraction(perps.funding(at_open, between)) + Fraction(later)
    assert halves - Fraction(perps.funding(at_open, now)) in (0, -LAST)


def test_the_index_is_split_where_a_rate_changes():
    rates = [(START + timedelta(seconds=600), D("0.0001")), (START + timedelta(seconds=900), D("-0.00004"))]

    def step(after, at, price):
        span = {"after": START + timedelta(seconds=after), "at": START + timedelta(seconds=at)}
        return perps.index_step(rates, **span, price=D(price))

    assert step(0, 600, 100) == 0
    assert step(0, 700, 100) == D("1")
    assert step(700, 800, 100) == D("1")
    assert step(600, 1_200, "162.511") == D("0.0001") * 300 * D("162.511") - D("0.00004") * 300 * D("162.511")
    assert step(1_000, 1_001, "0.000000000000000001") == D("-4e-23")
    assert perps.index_step([], after=START, at=START + timedelta(days=1), price=D(1)) == 0


def test_what_is_owed_is_no_part_of_a_portfolio():
    assert perps.value(D("-5.5"), D("0.9999")) == 0
    assert perps.value(D("233.149832792073738781"), D("0.9999")) == D("233.1265178087945314071219")

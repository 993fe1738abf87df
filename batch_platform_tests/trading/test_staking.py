"""Staking: worked stakes to the last digit, and interest that does not depend on who asks how often."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from batch_platform.trading import staking
from batch_platform.trading.model import Refusal

DAY = date(2026, 11, 9)
principals = st.integers(1, 10**30).map(lambda units: D(f"{units}e-18"))
indices = st.integers(0, 10**9).map(lambda units: D(f"{units}e-5"))
rates = st.integers(-(10**6), 10**8).map(lambda units: D(f"{units}e-5"))
exchange_rates = st.integers(10**17, 10**20).map(lambda units: D(f"{units}e-18"))


def test_a_worked_stake():
    index = staking.interest_index({date(2026, 11, 1): D("6.1")}, DAY, date(2026, 11, 10))
    interest = staking.accrued(D(4), D(0), index)
    assert (index, interest) == (D("6.1"), D("0.000668493150684931"))
    assert staking.paid(D(4), interest, 9) == D("4.000668493")


def test_a_worked_liquid_stake():
    assert staking.mint(D("2.5"), D("1.1"), 9) == D("2.272727272")
    assert staking.next_rate(D("1.1"), D("6.8")) == D("1.100204931506849315")
    assert staking.redeem(D("2.272727272"), D("1.100204931506849315"), 9) == D("2.500465752")
    assert staking.mint(D("0.000000001"), D("1.1"), 9) is Refusal.AMOUNT_TOO_SMALL
    assert staking.lst_price(D("1.100204931506849315"), D("161.391354464")) == D("177.563564083862759441")


def test_a_day_has_the_newest_rate_that_was_effective():
    changes = {DAY: D("6.1"), DAY + timedelta(days=2): D("7")}
    assert staking.rate_on(changes, DAY - timedelta(days=1)) == 0
    assert staking.rate_on(changes, DAY + timedelta(days=1)) == D("6.1")
    assert staking.rate_on(changes, DAY + timedelta(days=2)) == 7
    assert staking.interest_index(changes, DAY - timedelta(days=1), DAY + timedelta(days=3)) == D("19.2")
    assert staking.interest_index(changes, DAY, DAY) == 0


@given(principals, indices, indices, indices)
def test_interest_is_of_the_index_alone(principal, first, more, still):
    between, now = first + more, first + more + still
    whole = staking.accrued(principal, first, now)
    later = staking.accrued(principal, between, now)
    split = Fraction(staking.accrued(principal, first, between)) + Fraction(later)
    assert split - Fraction(whole) in (0, -Fraction(1, 10**18))
    exact = Fraction(principal) * (Fraction(now) - Fraction(first)) / 36_500
    assert 0 <= exact - Fraction(whole) < Fraction(1, 10**18)


@given(principals, exchange_rates, rates)
def test_a_pool_never_gives_more_than_it_took(amount, exchange_rate, rate):
    minted = staking.mint(amount, exchange_rate, 9)
    if minted is not Refusal.AMOUNT_TOO_SMALL:
        assert staking.redeem(minted, exchange_rate, 18) <= amount
    grown = Fraction(exchange_rate) * (36_500 + Fraction(rate)) / 36_500
    assert 0 <= grown - Fraction(staking.next_rate(exchange_rate, rate)) < Fraction(1, 10**18)

"""What a swap gives, against the formula in whole numbers."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.trading.model import Refusal
from batch_platform.trading.swaps import Quote, quote

amounts = st.integers(1, 10**40).map(lambda units: Decimal(f"{units}e-18"))
prices = st.integers(1, 10**30).map(lambda units: Decimal(f"{units}e-18"))
fees = st.integers(0, 10**8).map(lambda units: Decimal(f"{units}e-4"))
scales = st.integers(0, 18)


@given(amounts, prices, prices, scales, fees)
def test_the_quote_is_that_of_the_formula(amount, price_from, price_to, scale, bps):
    found = quote(amount, price_from=price_from, price_to=price_to, decimals_to=scale, fee_bps=bps)
    units = floor(
        Fraction(amount) * Fraction(price_from) * (10_000 - Fraction(bps)) * 10**scale / (10_000 * Fraction(price_to))
    )
    if units == 0:
        assert found is Refusal.AMOUNT_TOO_SMALL
    else:
        assert isinstance(found, Quote)
        assert Fraction(found.amount_out) == Fraction(units, 10**scale)
        assert Fraction(found.fee) == Fraction(amount) * Fraction(bps) / 10_000


@given(amounts, prices, prices, scales, fees)
def test_there_and_back_never_gains(amount, price_from, price_to, scale, bps):
    there = quote(amount, price_from=price_from, price_to=price_to, decimals_to=scale, fee_bps=bps)
    if isinstance(there, Quote):
        back = quote(there.amount_out, price_from=price_to, price_to=price_from, decimals_to=18, fee_bps=bps)
        assert back is Refusal.AMOUNT_TOO_SMALL or back.amount_out <= amount


@pytest.mark.parametrize("factor", [2, 1_000, 10**20])
def test_prices_scaled_alike_change_nothing(factor):
    given_prices = {"price_from": Decimal("161.391354464"), "price_to": Decimal("0.9999")}
    scaled = {name: price * factor for name, price in given_prices.items()}
    rest = {"decimals_to": 6, "fee_bps": Decimal(25)}
    assert quote(Decimal("3.1"), **given_prices, **rest) == quote(Decimal("3.1"), **scaled, **rest)


def test_a_worked_quote():
    found = quote(
        Decimal("3.123456789"),
        price_from=Decimal("161.391354464"),
        price_to=Decimal(1),
        decimals_to=6,
        fee_bps=Decimal(25),
    )
    assert found == Quote(Decimal("502.838674"), Decimal("0.0078086419725"))


def test_the_whole_as_a_fee_leaves_nothing():
    found = quote(Decimal(5), price_from=Decimal(1), price_to=Decimal(1), decimals_to=6, fee_bps=Decimal(10_000))
    assert found is Refusal.AMOUNT_TOO_SMALL

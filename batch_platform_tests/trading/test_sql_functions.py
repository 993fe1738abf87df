"""The exact helper functions of the schema, against fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

from hypothesis import given, settings
from hypothesis import strategies as st

from batch_platform.trading import perps, staking
from batch_platform.trading.amounts import exact
from batch_platform.trading.model import Direction
from batch_platform.trading.service import TradingContext

NUMBERS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(-(10**27), 10**27), st.integers(0, 18)
)
TIES = st.builds(lambda halves: Decimal(halves).scaleb(-9) * 5, st.integers(-(10**6), 10**6))
ABOVE_ZERO = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(1, 10**15), st.integers(0, 9)
)


def half_even(value: Fraction, places: int) -> Fraction:
    scaled = value * 10**places
    whole = floor(scaled)
    rest = scaled - whole
    return Fraction(whole + (rest > Fraction(1, 2) or (rest == Fraction(1, 2) and whole % 2 == 1)), 10**places)


def computed(trading: TradingContext, expression: str, *values: object) -> tuple[Fraction | None, ...]:
    with trading.store.snapshot() as session:
        row = session.connection.execute(f"SELECT {expression}", values).fetchone()
    assert row is not None
    return tuple(None if value is None else Fraction(value) for value in row)


@settings(max_examples=150)
@given(num=NUMBERS | TIES, den=NUMBERS.filter(bool))
def test_quotients_are_rounded_once(trading: TradingContext, num: Decimal, den: Decimal) -> None:
    expression = "floor_quotient(%s, %s), half_even_quotient(%s, %s, 8), half_even_quotient(%s, %s, 18)"
    quotient = Fraction(num) / Fraction(den)
    assert computed(trading, expression, num, den, num, den, num, den) == (
        Fraction(floor(quotient * 10**18), 10**18),
        half_even(quotient, 8),
        half_even(quotient, 18),
    )


@settings(max_examples=150)
@given(
    principal=ABOVE_ZERO | st.just(Decimal(10**40 + 1).scaleb(-18)),
    opened=st.decimals(-(10**5), 10**5, places=5),
    now=st.none() | st.decimals(-(10**5), 10**5, places=5),
)
def test_stakes_earn_what_the_pure_rules_say(
    trading: TradingContext, principal: Decimal, opened: Decimal, now: Decimal | None
) -> None:
    earned = staking.accrued(principal, opened, now or Decimal(0))
    assert computed(trading, "stake_interest(%s, %s, %s)", principal, opened, now) == (Fraction(earned),)
    assert Fraction(earned) + Fraction(principal) >= 0


@settings(max_examples=150)
@given(value=NUMBERS | TIES)
def test_numbers_are_rounded_half_to_even_or_up(trading: TradingContext, value: Decimal) -> None:
    expression = "half_even(%s, 8), half_even(%s, 18), ceil_to(abs(%s), 6)"
    given_value = Fraction(value)
    assert computed(trading, expression, value, value, value) == (
        half_even(given_value, 8),
        half_even(given_value, 18),
        Fraction(-floor(-abs(given_value) * 10**6), 10**6),
    )


@settings(max_examples=150)
@given(
    side=st.sampled_from(Direction),
    leverage=st.integers(1, 50),
    collateral=ABOVE_ZERO,
    entry=ABOVE_ZERO,
    price=ABOVE_ZERO,
    opened=NUMBERS,
    grown=st.decimals(-100, 100, places=12),
)
def test_positions_are_marked_as_the_pure_rules_say(
    trading: TradingContext,
    side: Direction,
    leverage: int,
    collateral: Decimal,
    entry: Decimal,
    price: Decimal,
    opened: Decimal,
    grown: Decimal,
) -> None:
    quantity = perps.quantity(collateral, leverage, entry)
    if not isinstance(quantity, Decimal):
        return
    position = perps.Position(side, collateral, leverage, 50, entry, quantity, opened)
    now = exact(Fraction(opened) + Fraction(grown))
    funding = perps.funding(position, now)
    facts = (side.sign, collateral, quantity, entry)
    assert computed(
        trading,
        "perp_funding(%s, %s, %s, %s), perp_equity(%s, %s, %s, %s, %s, %s),"
        " liquidation_price(%s, %s, %s, %s, %s, 50)",
        *(side.sign, quantity, now, opened),
        *(*facts, price, funding),
        *(*facts, funding),
    ) == (
        Fraction(funding),
        Fraction(perps.equity(position, price, funding)),
        None if (at := perps.liquidation_price(position, funding)) is None else Fraction(at),
    )

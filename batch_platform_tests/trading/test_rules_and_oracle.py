"""The rules against the oracle, which somebody wrote apart: positions, and contests as they are read."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from batch_platform.trading import contest, perps
from batch_platform.trading.lines import FlowLine, OrderLine, SnapshotLine, TickLine, UserLine
from batch_platform.trading.model import Direction, Refusal
from batch_platform.trading.proving.oracle import lines as oracle_lines
from batch_platform.trading.proving.oracle import perps as oracle_perps
from batch_platform_tests.trading.contests import Size, shuffled, written
from batch_platform_tests.trading.contests import contest as made

KINDS = {UserLine: "user", FlowLine: "flow", TickLine: "tick", OrderLine: "order", SnapshotLine: "snapshot"}


def scaled(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(low, high).map(lambda units: Decimal(f"{units}e-{places}"))


prices = scaled(1, 10**24, 18)
indices = scaled(-(10**30), 10**30, 18)


@given(st.data())
def test_a_position_is_the_same_to_both(data):
    collateral, entry, price = (data.draw(values) for values in (scaled(1, 10**12, 6), prices, prices))
    opened, now, bps = (data.draw(values) for values in (indices, indices, scaled(0, 10**6, 3)))
    most, direction = data.draw(st.integers(1, 50)), data.draw(st.sampled_from(list(Direction)))
    leverage = data.draw(st.integers(1, most))
    quantity = perps.quantity(collateral, leverage, entry)
    their_quantity = oracle_perps.size(Fraction(collateral), leverage, Fraction(entry))
    if isinstance(quantity, Refusal):
        assert their_quantity == 0
        assume(False)
    assert quantity == their_quantity
    ours = perps.Position(direction, collateral, leverage, most, entry, quantity, opened)

    def theirs() -> Any:
        return oracle_perps.Position(
            id="a",
            user="ann",
            token="SOL",
            direction=direction.value,
            leverage=leverage,
            max_leverage=most,
            collateral=Fraction(collateral),
            open_fee=oracle_perps.fee(Fraction(bps), Fraction(collateral) * leverage),
            entry_price=Fraction(entry),
            quantity=their_quantity,
            index_at_open=Fraction(opened),
            opened_at=0,
        )

    closed, liquidated, funding = theirs(), theirs(), perps.funding(ours, now)
    closed.close(1, Fraction(price), Fraction(now), Fraction(bps))
    liquidated.liquidate(1, Fraction(price), Fraction(now))
    assert funding == closed.funding_at_exit
    assert perps.open_fee(collateral, leverage, bps) == closed.open_fee
    assert perps.is_liquidated(ours, price, funding) == closed.is_liquidated(Fraction(price), Fraction(funding))
    assert perps.liquidation_price(ours, funding) == closed.liquidation_price(Fraction(funding))
    end = perps.close(ours, price, funding, bps)
    assert (end.fee, end.payout) == (closed.close_fee, closed.payout)
    assert end.equity == closed.equity(Fraction(price), Fraction(funding))
    end = perps.liquidate(ours, price, funding)
    assert (end.penalty, end.payout, end.bad_debt) == (liquidated.penalty, liquidated.payout, liquidated.bad_debt)


@pytest.mark.parametrize("seed", range(10))
def test_a_contest_is_the_same_to_both(seed):
    random = Random(seed)
    text = written(shuffled(random, made(random, Size()))).splitlines()
    ours, theirs = contest.read(line.encode() for line in text), oracle_lines.read(text)
    assert [(event.number, int(event.fact.at.timestamp()), kind_of(event.fact)) for event in ours.events] == [
        (event.number, event.at, event.kind) for event in theirs.events
    ]
    assert ours.start is not None
    assert ours.end is not None
    assert (ours.start.timestamp(), ours.end.timestamp()) == (theirs.start, theirs.end)
    derived = {pool.lst for pool in ours.pools.values()}
    for our, their in zip(ours.events, theirs.events, strict=True):
        if isinstance(our.fact, TickLine):
            outside = {token: price for token, price in their.line["prices"].items() if token not in derived}
            assert our.fact.prices == outside


def kind_of(fact: Any) -> str:
    return next(name for kind, name in KINDS.items() if isinstance(fact, kind))

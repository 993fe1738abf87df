"""Perpetual futures: isolated positions in USDC, their funding, liquidation and settlement.

C collateral, L leverage, Lmax the most the token allowed at the open, E entry price, Q quantity, P price, J funding
index, s 1 for a long and -1 for a short. Amounts are USDC with 6 decimals, and inside one USDC is one USD.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from batch_platform.trading.amounts import (
    BPS,
    INDEX_DECIMALS,
    PRICE_DECIMALS,
    Number,
    ceiled,
    exact,
    floored,
    half_even,
)
from batch_platform.trading.model import Direction, Refusal

CASH: Final = "USDC"
"""The token in which all positions are opened and settled."""
USDC_DECIMALS: Final = 6
QUANTITY_DECIMALS: Final = 9
FUNDING_SECONDS: Final = 8 * 3600
"""The time a funding rate is for."""
SECOND: Final = timedelta(seconds=1)
PENALTY: Final = Fraction(15, 1000)
"""Of the position's size at its liquidation."""


@dataclass(frozen=True)
class Position:
    """An isolated position as it was opened; nothing is added to it, and it is closed as a whole."""

    direction: Direction
    collateral: Decimal
    leverage: int
    max_leverage: int
    entry_price: Decimal
    quantity: Decimal
    index_open: Decimal = Decimal(0)


@dataclass(frozen=True)
class Closing:
    """What the end of a position pays; `bad_debt` is what it owes beyond its collateral, and nobody pays."""

    equity: Decimal
    fee: Decimal
    payout: Decimal
    realized_pnl: Decimal
    penalty: Decimal = Decimal(0)
    bad_debt: Decimal = Decimal(0)


def quantity(collateral: Decimal, leverage: int, entry_price: Decimal) -> Decimal | Refusal:
    """Q = floor₉(C·L/E); `AMOUNT_TOO_SMALL` where that is nothing."""
    units = floored(Fraction(collateral) * leverage / Fraction(entry_price), QUANTITY_DECIMALS)
    return units if units > 0 else Refusal.AMOUNT_TOO_SMALL


def open_fee(collateral: Decimal, leverage: int, fee_bps: Decimal) -> Decimal:
    """ceil₆(bps·C·L/10⁴), paid beside the collateral."""
    return ceiled(Fraction(fee_bps) * Fraction(collateral) * leverage / BPS, USDC_DECIMALS)


def close_fee(size: Decimal, price: Decimal, fee_bps: Decimal) -> Decimal:
    """ceil₆(bps·Q·P/10⁴) of a position of Q = `size`."""
    return ceiled(Fraction(fee_bps) * Fraction(size) * Fraction(price) / BPS, USDC_DECIMALS)


def index_step(
    rates: Iterable[tuple[datetime, Decimal]], *, after: datetime, at: datetime, price: Decimal
) -> Decimal:
    """By how much J rises from the tick `after` to the tick `at`, whose price closes the interval: Σ rate·P·seconds.

    `rates` are (from when, rate of 8 hours), each until the next one; before the first the rate is 0. USD·seconds,
    exact.
    """
    known = sorted(rates)
    ends = [*(start for start, _ in known[1:]), at]
    total = Fraction(0)
    for (start, rate), end in zip(known, ends, strict=False):
        seconds = (min(end, at) - max(start, after)) // SECOND
        total += Fraction(rate) * Fraction(price) * max(seconds, 0)
    return exact(total)


def funding(position: Position, index_now: Decimal) -> Decimal:
    """F = floor₁₈(−s·Q·(J_now − J_open)/28800): what the position has received, or paid where it is negative."""
    grown = Fraction(index_now) - Fraction(position.index_open)
    owed = position.direction.sign * Fraction(position.quantity) * grown / FUNDING_SECONDS
    return floored(-owed, INDEX_DECIMALS)


def equity(position: Position, price: Decimal, paid: Decimal) -> Decimal:
    """C + s·Q·(P − E) + F, exact; `paid` is F."""
    return exact(_equity(position, price, paid))


def is_liquidated(position: Position, price: Decimal, paid: Decimal) -> bool:
    """2·Lmax·equity ≤ Q·P. Equality liquidates, where venues often wait until equity is strictly below."""
    return 2 * position.max_leverage * _equity(position, price, paid) <= _size(position, price)


def liquidation_price(position: Position, paid: Decimal) -> Decimal | None:
    """The price at which `is_liquidated` turns true with the F of now, for people to see: 18 decimals half-even.

    2·Lmax·(s·Q·E − C − F) / (Q·(2·Lmax·s − 1)); None where no price above 0 liquidates.
    """
    sign, twice = position.direction.sign, 2 * position.max_leverage
    size = Fraction(position.quantity)
    lost = sign * size * Fraction(position.entry_price) - Fraction(position.collateral) - Fraction(paid)
    price = half_even(twice * lost / (size * (twice * sign - 1)), PRICE_DECIMALS)
    return price if price > 0 else None


def close(position: Position, price: Decimal, paid: Decimal, fee_bps: Decimal) -> Closing:
    """Its owner closes it: payout = floor₆(max(0, equity − fee)), realised PnL = payout − C."""
    worth = _equity(position, price, paid)
    fee = close_fee(position.quantity, price, fee_bps)
    payout = floored(max(Fraction(0), worth - Fraction(fee)), USDC_DECIMALS)
    return Closing(exact(worth), fee, payout, _gain(payout, position))


def liquidate(position: Position, price: Decimal, paid: Decimal) -> Closing:
    """penalty = min(max(equity, 0), 0.015·Q·P); payout = floor₆(max(equity, 0) − penalty); no fee.

    bad_debt = ceil₆(max(−equity, 0)).
    """
    worth = _equity(position, price, paid)
    left = max(worth, Fraction(0))
    penalty = min(left, PENALTY * _size(position, price))
    payout = floored(left - penalty, USDC_DECIMALS)
    return Closing(
        exact(worth),
        Decimal(0),
        payout,
        _gain(payout, position),
        penalty=exact(penalty),
        bad_debt=ceiled(max(-worth, Fraction(0)), USDC_DECIMALS),
    )


def value(worth: Number, usdc_price: Decimal) -> Decimal:
    """A position's part of a portfolio in USD: max(0, equity) at the price that USDC has, exact."""
    return exact(max(Fraction(worth), Fraction(0)) * Fraction(usdc_price))


def _equity(position: Position, price: Decimal, paid: Decimal) -> Fraction:
    gain = Fraction(position.quantity) * (Fraction(price) - Fraction(position.entry_price))
    return Fraction(position.collateral) + position.direction.sign * gain + Fraction(paid)


def _size(position: Position, price: Decimal) -> Fraction:
    return Fraction(position.quantity) * Fraction(price)


def _gain(payout: Decimal, position: Position) -> Decimal:
    return exact(Fraction(payout) - Fraction(position.collateral))

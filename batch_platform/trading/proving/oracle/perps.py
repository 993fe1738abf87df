"""One isolated position: what it is worth at a price, what it pays for funding, when it is liquidated."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from batch_platform.trading.proving.oracle.exact import ceil, floor, half_even

CASH: Final = "USDC"
CASH_PLACES: Final = 6
_EIGHT_HOURS: Final = 28_800
_PENALTY: Final = Fraction(15, 1000)


def fee(bps: Fraction, notional: Fraction) -> Fraction:
    """In USDC, for opening or closing."""
    return ceil(bps * notional / 10_000, CASH_PLACES)


def size(collateral: Fraction, leverage: int, price: Fraction) -> Fraction:
    """How many tokens a position is of."""
    return floor(collateral * leverage / price, 9)


@dataclass
class Position:
    """Opened at a tick; money is USDC, prices and equity USD, the funding index as of the open USD·seconds."""

    id: str
    user: str
    token: str
    direction: str
    leverage: int
    max_leverage: int
    collateral: Fraction
    open_fee: Fraction
    entry_price: Fraction
    quantity: Fraction
    index_at_open: Fraction
    opened_at: int
    status: str = "open"
    closed_at: int = 0
    exit_price: Fraction = Fraction(0)
    funding_at_exit: Fraction = Fraction(0)
    close_fee: Fraction = Fraction(0)
    penalty: Fraction = Fraction(0)
    bad_debt: Fraction = Fraction(0)
    payout: Fraction = Fraction(0)

    @property
    def sign(self) -> int:
        return 1 if self.direction == "long" else -1

    def funding(self, index: Fraction) -> Fraction:
        return floor(-self.sign * self.quantity * (index - self.index_at_open) / _EIGHT_HOURS, 18)

    def equity(self, price: Fraction, funding: Fraction) -> Fraction:
        return self.collateral + self.sign * self.quantity * (price - self.entry_price) + funding

    def is_liquidated(self, price: Fraction, funding: Fraction) -> bool:
        return 2 * self.max_leverage * self.equity(price, funding) <= self.quantity * price

    def liquidation_price(self, funding: Fraction) -> Fraction | None:
        """The price that liquidates it, for show; None where none above 0 does."""
        lever = 2 * self.max_leverage * self.sign
        base = 2 * self.max_leverage * (self.sign * self.quantity * self.entry_price - self.collateral - funding)
        price = half_even(base / (self.quantity * (lever - 1)), 18)
        return price if price > 0 else None

    def close(self, at: int, price: Fraction, index: Fraction, bps: Fraction) -> None:
        self._end("closed", at, price, index)
        self.close_fee = fee(bps, self.quantity * price)
        self.payout = floor(max(Fraction(0), self.equity(price, self.funding_at_exit) - self.close_fee), CASH_PLACES)

    def liquidate(self, at: int, price: Fraction, index: Fraction) -> None:
        self._end("liquidated", at, price, index)
        equity = self.equity(price, self.funding_at_exit)
        left = max(equity, Fraction(0))
        self.penalty = min(left, _PENALTY * self.quantity * price)
        self.payout = floor(left - self.penalty, CASH_PLACES)
        self.bad_debt = ceil(max(-equity, Fraction(0)), CASH_PLACES)

    def _end(self, status: str, at: int, price: Fraction, index: Fraction) -> None:
        self.status, self.closed_at, self.exit_price = status, at, price
        self.funding_at_exit = self.funding(index)

"""Who holds what: a dictionary a user of what is free, and one of what is reserved for orders."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from batch_platform.trading.proving.oracle.exact import floor
from batch_platform.trading.proving.oracle.lines import Line
from batch_platform.trading.proving.oracle.perps import Position

Amounts = dict[str, Fraction]


@dataclass
class User:
    """Registered at an instant; `wallet` is what is free to be traded."""

    id: str
    created_at: int
    status: str
    wallet: Amounts = field(default_factory=lambda: defaultdict(Fraction))
    reserved: Amounts = field(default_factory=lambda: defaultdict(Fraction))
    flows: list[Flow] = field(default_factory=list)
    investments: list[Investment] = field(default_factory=list)
    positions: list[Position] = field(default_factory=list)
    """The open ones."""


@dataclass
class Flow:
    """Money from outside or back to it; worth USD from the tick at which it could be valued."""

    kind: str
    amounts: Amounts
    valued_at: int | None = None
    value: Fraction = Fraction(0)


@dataclass
class Investment:
    """Of a token staked; `minted` is the amount of the LST of a liquid one, `index` what interest starts from."""

    id: str
    user: str
    kind: str
    token: str
    principal: Fraction
    index: Fraction = Fraction(0)
    minted: Fraction = Fraction(0)
    status: str = "active"
    accrued_at_end: Fraction = Fraction(0)
    paid: Fraction = Fraction(0)

    def accrued(self, index: Fraction) -> Fraction:
        """A stake loses no more than itself."""
        return max(-self.principal, floor(self.principal * (index - self.index) / 36_500, 18))


@dataclass
class Order:
    """`reserved` is what it has taken from the wallet, `tokens` what must be priced at the tick that fills it."""

    id: str
    user: str
    at: int
    line: Line
    status: str = "pending"
    reason: str = ""
    filled_at: int = 0
    result: Amounts = field(default_factory=dict)
    reserved: tuple[str, Fraction] | None = None
    tokens: tuple[str, ...] = ()


@dataclass
class Books:
    """Everything that has an owner, by its id; an investment and a position have the id of their order."""

    users: dict[str, User] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    pending: list[Order] = field(default_factory=list)
    positions: dict[str, Position] = field(default_factory=dict)
    investments: dict[str, Investment] = field(default_factory=dict)

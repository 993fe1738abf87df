"""The lines of a contest, a fact each, as people write them and as `trading export` does.

A fact is known by its identity: `settings` by being that, a token by its name, a pool by its base and by its LST, a
rate by token, action and day, a funding rate by token and moment, a user by name, a flow by user, moment and kind, a
price by token and moment, an order by its id, a snapshot by its moment. One met again is passed over; another content
under the same identity is refused.

What an order asks for is judged when it is accepted: here it only has to be readable. So an amount that is none is
an `invalid_amount` (None), a token that is not there an `unknown_token`, while a JSON number for an amount is a bad
line.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Final, Literal, TypeVar

from pydantic import BeforeValidator, Field

from batch_platform.core.json_lines import Day, JsonObject, Name, Strict, Text, bad_line, checked
from batch_platform.core.messages import Message
from batch_platform.trading.amounts import (
    INDEX_DECIMALS,
    MAX_TOKEN_DECIMALS,
    AnyNumber,
    Bps,
    FundingRate,
    Price,
    YearlyRate,
    parse_amount,
    parse_number,
    plain,
)
from batch_platform.trading.instants import Instant
from batch_platform.trading.model import Direction


def _written(value: object) -> object:
    """A number in plain digits, or a text that is none. Raises `ValueError` for what is no text."""
    try:
        return plain(parse_number(value))
    except ValueError:
        if isinstance(value, str):
            return value
        raise


def _exchange_rate(value: object) -> Decimal:
    return parse_amount(value, INDEX_DECIMALS)


Asked = Annotated[Text, BeforeValidator(_written)]
"""The amount that an order asks for, as it was written: whether it is one is judged at acceptance."""
Whole = Annotated[int, Field(strict=True)]
MAX_LEVERAGE: Final = 1_000_000
"""Far beyond any venue's, and twice of it within what the database calls an integer."""


M = TypeVar("M")


class Fact(Strict):
    """One line. `identity` names the fields by which it is known."""

    identity: ClassVar[tuple[str, ...]] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """The same for two lines that speak of the same."""
        return (type(self), *(getattr(self, name) for name in self.identity))


class SettingsLine(Fact):
    """Fees of the contest in basis points."""

    swap_fee_bps: Bps = Decimal(0)
    perp_fee_bps: Bps = Decimal(0)


class TokenLine(Fact):
    """A token, its decimals, and the highest leverage of perpetuals on it; None without perpetuals."""

    identity: ClassVar = ("token",)

    token: Name
    decimals: Annotated[Whole, Field(ge=0, le=MAX_TOKEN_DECIMALS)]
    perp_max_leverage: Annotated[Whole, Field(ge=1, le=MAX_LEVERAGE)] | None = None


class PoolLine(Fact):
    """A liquid staking pool; `exchange_rate` is one LST in base tokens on the first day."""

    identity: ClassVar = ("base",)

    base: Text
    lst: Text
    exchange_rate: Annotated[Decimal, BeforeValidator(_exchange_rate)]


class InterestRateLine(Fact):
    """Percent a year from a day on."""

    identity: ClassVar = ("token", "action", "effective")

    token: Text
    action: Literal["staking", "liquid_staking"]
    rate: YearlyRate
    effective: Day


class FundingRateLine(Fact):
    """The rate of 8 hours from a moment on."""

    identity: ClassVar = ("token", "at")

    token: Text
    rate: FundingRate
    at: Instant


class UserLine(Fact):
    """Somebody joins."""

    identity: ClassVar = ("user",)

    user: Name
    at: Instant
    status: Literal["active", "disqualified"] = "active"


class FlowLine(Fact):
    """Tokens come from outside, or go where an amount is negative."""

    identity: ClassVar = ("user", "at", "flow")

    user: Text
    at: Instant
    flow: Literal["initial", "deposit", "correction"]
    amounts: dict[Text, AnyNumber]


class TickLine(Fact):
    """Prices in USD, accepted at a moment."""

    identity: ClassVar = ("at",)

    at: Instant
    prices: dict[Text, Price]


class SnapshotLine(Fact):
    """The moment of a snapshot of everybody."""

    identity: ClassVar = ("at",)

    at: Instant


class OrderLine(Fact):
    """An order, accepted at a moment; `order` says which."""

    identity: ClassVar = ("id",)

    @property
    def key(self) -> tuple[object, ...]:
        """An id is one order's alone, of whatever kind."""
        return (OrderLine, self.id)

    id: Name
    user: Text
    at: Instant
    order: str

    @property
    def request(self) -> dict[str, object]:
        """What is asked for, without who, when and by which id."""
        return self.model_dump(mode="json", by_alias=True, exclude={"id", "user", "at"})


class SwapLine(OrderLine):
    """One token for another."""

    order: Literal["swap"]
    from_: Text = Field(alias="from")
    to: Text
    amount: Asked


class StakeLine(OrderLine):
    """A token into staking, or into the liquid staking pool of which it is the base."""

    order: Literal["stake", "liquid_stake"]
    token: Text
    amount: Asked


class UnstakeLine(OrderLine):
    """An investment back, known by the order that made it."""

    order: Literal["unstake"]
    investment: Text


class PerpOpenLine(OrderLine):
    """A position on a token, with collateral in USDC."""

    order: Literal["perp_open"]
    token: Text
    collateral: Asked
    leverage: Whole
    direction: Annotated[Direction, Field(strict=False)]


class PerpCloseLine(OrderLine):
    """The end of a position, known by the order that opened it."""

    order: Literal["perp_close"]
    position: Text


KINDS: Final[Mapping[str, type[Fact]]] = {
    "settings": SettingsLine,
    "token": TokenLine,
    "lst_pool": PoolLine,
    "interest_rate": InterestRateLine,
    "funding_rate": FundingRateLine,
    "user": UserLine,
    "flow": FlowLine,
    "tick": TickLine,
    "order": OrderLine,
    "snapshot": SnapshotLine,
}
ORDERS: Final[Mapping[str, type[OrderLine]]] = {
    "swap": SwapLine,
    "stake": StakeLine,
    "liquid_stake": StakeLine,
    "unstake": UnstakeLine,
    "perp_open": PerpOpenLine,
    "perp_close": PerpCloseLine,
}


def parse(number: int, value: JsonObject) -> Fact:
    """The fact of a line. Raises `InvalidInput` naming the line, and the field where it is one."""
    fields = {name: given for name, given in value.items() if name != "kind"}
    model = _one_of(KINDS, value, number, "kind")
    if model is OrderLine:
        model = _one_of(ORDERS, value, number, "order")
    return checked(model, number, fields)


def _one_of(models: Mapping[str, M], value: JsonObject, number: int, field: str) -> M:
    name = value.get(field)
    if isinstance(name, str) and name in models:
        return models[name]
    unknown = Message("line-not-one-of", "must be one of {choices}", choices=list(models))
    raise bad_line(number, unknown, field=field)

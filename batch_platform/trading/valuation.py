"""What a player's portfolio is worth at an instant, by the rules of snapshots: exact, and rounded once.

V = (wallet + reserved + staked) * price, + accrued interest * price, + max(0, equity) of positions * price of USDC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from batch_platform.trading import perps, staking
from batch_platform.trading.amounts import USD_DECIMALS, Number, exact, half_even
from batch_platform.trading.cadence import is_good
from batch_platform.trading.model import USDC, Direction

Row = Mapping[str, Any]

_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class Quote:
    """The newest price of a token by an instant, in USD, and how many seconds old it was."""

    price: Decimal | None
    at: datetime | None
    age: int | None
    is_good: bool

    @property
    def good(self) -> Decimal | None:
        """The price, unless it is too old to count."""
        return self.price if self.is_good else None


def quote(price: Decimal | None, priced_at: datetime | None, at: datetime) -> Quote:
    """A price as it stands at an instant."""
    if price is None or priced_at is None:
        return Quote(None, None, None, is_good=False)
    return Quote(price, priced_at, (at - priced_at) // _SECOND, is_good(priced_at, at))


@dataclass(frozen=True)
class Holding:
    """A token: amounts in the wallet, reserved for orders and staked; their value in USD, None without good price."""

    token: str
    token_address: str
    balance: Decimal
    reserved: Decimal
    staked: Decimal
    price_usd: Decimal | None
    price_at: datetime | None
    price_age: int | None
    value_usd: Decimal | None


@dataclass(frozen=True)
class Investment:
    """A stake that runs. Its principal is among the staked tokens, its interest adds `interest_usd` to the value.

    One of liquid staking is a receipt: what was minted is a token like others, `redeemable` its worth in base tokens.
    """

    id: str
    kind: str
    token: str
    token_address: str
    principal: Decimal
    interest_rate: Decimal
    started_at: datetime
    accrued_interest: Decimal | None
    interest_usd: Decimal | None
    lst_token: str | None
    minted: Decimal | None
    redeemable: Decimal | None


@dataclass(frozen=True)
class Position:
    """An open position by the newest price, whatever its age; its value in USD, None without good prices."""

    id: str
    token: str
    token_address: str
    direction: Direction
    leverage: int
    entry_price: Decimal
    quantity: Decimal
    collateral: Decimal
    opened_at: datetime
    open_fee: Decimal
    price_usd: Decimal | None
    price_at: datetime | None
    price_age: int | None
    funding: Decimal | None
    equity: Decimal | None
    unrealized_pnl: Decimal | None
    liquidation_price: Decimal | None
    liquidation_price_at_open: Decimal | None
    value_usd: Decimal | None


@dataclass(frozen=True)
class Worth:
    """All of a player; `total` in USD with 8 decimals, None where a needed price is missing, of the tokens `missing`.

    Values of rows are rounded by themselves: they need not add up to the total.
    """

    total: Decimal | None
    missing: tuple[str, ...]
    tokens: tuple[Holding, ...]
    investments: tuple[Investment, ...]
    perp_positions: tuple[Position, ...]

    @property
    def last_updated(self) -> datetime | None:
        """When the newest of the prices was accepted."""
        return max(self._priced_at, default=None)

    @property
    def oldest_price_at(self) -> datetime | None:
        """When the oldest of the prices was accepted."""
        return min(self._priced_at, default=None)

    @property
    def _priced_at(self) -> list[datetime]:
        rows: Sequence[Holding | Position] = [*self.tokens, *self.perp_positions]
        return [row.price_at for row in rows if row.price_at is not None]


class _Sum:
    """An exact sum in USD, and the tokens without a price that it needs."""

    def __init__(self) -> None:
        self.total = Fraction(0)
        self.missing: set[str] = set()

    def add(self, amount: Number, token: str, price: Decimal | None) -> Decimal | None:
        """The value of this amount; nothing of a token needs no price."""
        if amount == 0:
            return Decimal(0)
        if price is None:
            self.missing.add(token)
            return None
        worth = Fraction(amount) * Fraction(price)
        self.total += worth
        return half_even(worth, USD_DECIMALS)


def worth(holdings: Iterable[Row], investments: Iterable[Row], positions: Iterable[Row], at: datetime) -> Worth:
    """The portfolio at `at`, of rows as `Portfolios` of the store reads them."""
    total = _Sum()
    tokens = tuple(_holding(row, at, total) for row in holdings)
    stakes = tuple(_investment(row, at, total) for row in investments)
    perpetuals = tuple(_position(row, at, total) for row in positions)
    value = None if total.missing else half_even(total.total, USD_DECIMALS)
    return Worth(value, tuple(sorted(total.missing)), tokens, stakes, perpetuals)


def _holding(row: Row, at: datetime, total: _Sum) -> Holding:
    price = quote(row["price_usd"], row["price_at"], at)
    amounts = {name: row[name] for name in ("balance", "reserved", "staked")}
    return Holding(
        token=row["token"],
        token_address=row["token_address"],
        **amounts,
        price_usd=price.price,
        price_at=price.at,
        price_age=price.age,
        value_usd=total.add(sum(map(Fraction, amounts.values()), Fraction(0)), row["token"], price.good),
    )


def _investment(row: Row, at: datetime, total: _Sum) -> Investment:
    accrued = interest = redeemable = None
    if row["lst_token"] is None:
        accrued = staking.accrued(row["principal"], row["k_open"], row["k_now"])
        interest = total.add(accrued, row["token"], quote(row["price_usd"], row["price_at"], at).good)
    elif row["exchange_rate"] is not None:
        redeemable = staking.redeem(row["minted"], row["exchange_rate"], row["decimals"])
    same = ("id", "kind", "token", "token_address", "principal", "interest_rate", "started_at", "lst_token", "minted")
    return Investment(
        **{name: row[name] for name in same},
        accrued_interest=accrued,
        interest_usd=interest,
        redeemable=redeemable,
    )


def _position(row: Row, at: datetime, total: _Sum) -> Position:
    price = quote(row["price_usd"], row["price_at"], at)
    cash = quote(row["usdc_price"], row["usdc_at"], at).good
    direction = Direction.LONG if row["side"] == 1 else Direction.SHORT
    opened = perps.Position(
        direction,
        *(row[name] for name in ("collateral", "leverage", "max_leverage", "entry_price", "quantity", "j_open")),
    )
    funding = equity = liquidation = value = None
    if price.price is not None:
        funding = perps.funding(opened, row["j"])
        equity = perps.equity(opened, price.price, funding)
        liquidation = perps.liquidation_price(opened, funding)
    if price.good is not None and equity is not None:
        value = total.add(max(equity, Decimal(0)), USDC, cash)
    else:
        total.missing |= {row["token"]} | ({USDC} if cash is None else set())
    same = (
        "id",
        "token",
        "token_address",
        "leverage",
        "entry_price",
        "quantity",
        "collateral",
        "opened_at",
        "open_fee",
        "liquidation_price_at_open",
    )
    return Position(
        **{name: row[name] for name in same},
        direction=direction,
        price_usd=price.price,
        price_at=price.at,
        price_age=price.age,
        funding=funding,
        equity=equity,
        unrealized_pnl=None if equity is None else exact(Fraction(equity) - Fraction(row["collateral"])),
        liquidation_price=liquidation,
        value_usd=value,
    )

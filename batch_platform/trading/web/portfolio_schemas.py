"""What the API tells of what players have, had, and rank, by the names of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from batch_platform.trading import answer, valuation
from batch_platform.trading.series import Period
from batch_platform.trading.service.pnl import Pnl
from batch_platform.trading.service.portfolio import Portfolio
from batch_platform.trading.service.wishes import Refresh
from batch_platform.trading.web.schemas import OrderAnswer
from batch_platform.trading.web.wire import Moment, Number
from batch_platform.web.api.answers import From, SnakeAnswer

Row = Mapping[str, Any]


class HoldingAnswer(SnakeAnswer):
    """A token in the wallet (`balance`), kept for orders that wait, and staked; `value_usd` is of all three.

    It is null where the newest price is missing, or older than 30 minutes.
    """

    token: str
    token_address: str
    balance: Number
    reserved: Number
    staked: Number
    price_usd: Number | None
    price_age: int | None
    value_usd: Number | None


class PositionAnswer(SnakeAnswer):
    """An open position. `accumulated_funding` is what it has been paid, negative: has paid, up to
    `funding_rate_last_applied`, the token's newest tick."""

    id: str
    token: str
    token_address: str
    position_direction: Annotated[Literal["long", "short"], From("direction")]
    leverage: int
    entry_price: Number
    position_size: Annotated[Number, From("quantity")]
    collateral_amount: Annotated[Number, From("collateral")]
    liquidation_price: Number | None
    accumulated_funding: Annotated[Number | None, From("funding")]
    funding_rate_last_applied: Annotated[Moment | None, From("price_at")]
    status: Annotated[Literal["open"], From(lambda _: "open")]
    created_at: Annotated[Moment, From("opened_at")]
    price_usd: Number | None
    price_age: int | None
    equity: Number | None
    unrealized_pnl: Number | None
    value_usd: Number | None


class InvestmentAnswer(SnakeAnswer):
    """A stake. One of liquid staking is a receipt: what it minted is a token, which gains value by itself.

    `accrued_interest` is as of `last_update`, the newest day that began, or the withdrawal.
    """

    id: str
    token: str
    token_address: str
    action_type: Annotated[Literal["staking", "liquid_staking"], From("kind")]
    principal: Number
    accrued_interest: Number | None
    start_date: Annotated[Moment, From("started_at")]
    last_update: Moment
    interest_rate: Number
    status: Literal["active", "withdrawn"]
    minted: Number | None
    redeemable: Number | None
    paid: Number | None

    @classmethod
    def running(cls, stake: valuation.Investment, today: datetime) -> Self:
        return cls.of(stake, last_update=max(stake.started_at, today), status="active", paid=None)

    @classmethod
    def withdrawn(cls, row: Row) -> Self:
        return cls.of(row, last_update=row["withdrawn_at"], status="withdrawn", redeemable=None)


class PositionsAnswer(SnakeAnswer):
    """Open ones."""

    positions: list[PositionAnswer]
    tick: Moment | None
    prices_age: int | None


class InvestmentsAnswer(SnakeAnswer):
    """Running ones, then those that were withdrawn."""

    investments: list[InvestmentAnswer]


class PortfolioAnswer(SnakeAnswer):
    """All of a player at `timestamp`. `total_value_usd` and what follows from it are null while a price is missing.

    `missing` names those tokens. `tick` is the campaign's newest tick, `last_updated` when the newest of the prices
    used here was accepted, `prices_age` how many seconds before `timestamp` the oldest one was.
    """

    wallet_address: str
    timestamp: Annotated[Moment, From("at")]
    status: str
    total_value_usd: Annotated[Number | None, From("worth.total")]
    missing: Annotated[list[str], From("worth.missing")]
    tokens: Annotated[list[HoldingAnswer], From("worth.tokens")]
    perp_positions: Annotated[list[PositionAnswer], From("worth.perp_positions")]
    investments: list[InvestmentAnswer]
    pnl_from_start: Number | None
    pnl_percentage: Number | None
    net_flows_usd: Number
    baseline_usd: Number | None
    last_updated: Annotated[Moment | None, From("worth.last_updated")]
    tick: Moment | None
    prices_age: int | None
    snapshot_details: dict[str, Any] | None

    @classmethod
    def of_portfolio(cls, seen: Portfolio, today: datetime, tick: datetime | None, details: Row | None) -> Self:
        stakes = [InvestmentAnswer.running(stake, today) for stake in seen.worth.investments]
        age = prices_age(seen)
        return cls.of(seen, investments=stakes, tick=tick, prices_age=age, snapshot_details=details)


def prices_age(seen: Portfolio) -> int | None:
    """Whole seconds since the oldest price of a portfolio was accepted."""
    oldest = seen.worth.oldest_price_at
    return None if oldest is None else max(0, int((seen.at - oldest).total_seconds()))


class RefreshAnswer(SnakeAnswer):
    """What is known at once, and which tokens have been asked for, by symbol."""

    wished: list[str]
    prices: Annotated[
        dict[str, Number | None], From(lambda refresh: {price.symbol: price.price_usd for price in refresh.prices})
    ]
    tick: Annotated[Moment | None, From("tick_at")]
    prices_age: int | None

    @classmethod
    def of_refresh(cls, refresh: Refresh) -> Self:
        ages = [int(price.age.total_seconds()) for price in refresh.prices if price.age is not None]
        return cls.of(refresh, prices_age=max(ages, default=None))


class PointAnswer(SnakeAnswer):
    """A value in USD, against the first one shown; flows are taken out."""

    timestamp: Annotated[Moment, From("at")]
    value: Number
    pnl_absolute: Annotated[Number, From("pnl")]
    pnl_percentage: Annotated[Number, From("percentage")]


class PnlSummaryAnswer(SnakeAnswer):
    """From the first point to the last."""

    initial_value: Number
    current_value: Number
    pnl_absolute: Number
    pnl_percentage: Number


def _summary(pnl: Pnl) -> PnlSummaryAnswer | None:
    if not pnl.points:
        return None
    first, last = pnl.points[0], pnl.points[-1]
    return PnlSummaryAnswer(
        initial_value=first.value,
        current_value=last.value,
        pnl_absolute=last.pnl,
        pnl_percentage=last.percentage,
    )


class PnlAnswer(SnakeAnswer):
    """The points of a period that ends at `timestamp`; `summary` is null where there is none."""

    wallet_address: str
    period: Period
    timestamp: Annotated[Moment, From("at")]
    data_points: Annotated[int, From(lambda pnl: len(pnl.points))]
    pnl_data: Annotated[list[PointAnswer], From("points")]
    summary: Annotated[PnlSummaryAnswer | None, From(_summary)]


class PlayerTransactionAnswer(SnakeAnswer):
    """What happened to a player; `details` is what was asked for, or how it came about."""

    id: str
    transaction_type: str
    from_token_address: str | None
    to_token_address: str | None
    amount_from: Number | None
    amount_to: Number | None
    fee: Number | None
    details: dict[str, Any]
    created_at: Moment


class PlayerTransactionsAnswer(SnakeAnswer):
    """A page, newest first; `total` is of all pages. `next_cursor` goes on after its last row."""

    transactions: Annotated[list[PlayerTransactionAnswer], From("rows")]
    total: int
    limit: int
    offset: int
    next_cursor: Annotated[str | None, From("cursor")]


class OrdersAnswer(SnakeAnswer):
    """A page, newest first; `total` is of all pages. `next_cursor` goes on after its last row."""

    orders: list[OrderAnswer]
    total: int
    limit: int
    offset: int
    next_cursor: str | None


class RankedAnswer(SnakeAnswer):
    """A player's place; it is shared only where percent and USD are both equal."""

    rank: int
    id: Annotated[str, From("user")]
    username: str
    pnl_percentage: Number
    pnl_usd: Number
    total_value_usd: Number
    twr_percentage: Annotated[Number | None, From(lambda row: answer.twr_percentage(row["twr_factor"]))]


class UnrankedAnswer(SnakeAnswer):
    """Who has no place: `no_baseline`, or `price_missing:` and the tokens."""

    id: Annotated[str, From("user")]
    username: str
    reason: str


class LeaderboardAnswer(SnakeAnswer):
    """The board of a snapshot; null and empty before the first one. `has_more`: others are ranked after these."""

    at: Moment | None
    users: Annotated[list[RankedAnswer], From("ranked")]
    has_more: bool
    unranked: list[UnrankedAnswer] | None
    limit: int
    offset: int

"""What the API tells of what players have, had, and rank, by the names of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self

from batch_platform.trading import answer, valuation
from batch_platform.trading.series import Period
from batch_platform.trading.service.boards import Board
from batch_platform.trading.service.history import Page
from batch_platform.trading.service.pnl import Pnl
from batch_platform.trading.service.portfolio import Portfolio
from batch_platform.trading.service.wishes import Refresh
from batch_platform.trading.web.schemas import OrderAnswer
from batch_platform.trading.web.wire import Moment, Number, Wire

Row = Mapping[str, Any]


class HoldingAnswer(Wire):
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


class PositionAnswer(Wire):
    """An open position. `accumulated_funding` is what it has been paid, negative: has paid, up to
    `funding_rate_last_applied`, the token's newest tick."""

    id: str
    token: str
    token_address: str
    position_direction: Literal["long", "short"]
    leverage: int
    entry_price: Number
    position_size: Number
    collateral_amount: Number
    liquidation_price: Number | None
    accumulated_funding: Number | None
    funding_rate_last_applied: Moment | None
    status: Literal["open"]
    created_at: Moment
    price_usd: Number | None
    price_age: int | None
    equity: Number | None
    unrealized_pnl: Number | None
    value_usd: Number | None

    @classmethod
    def of(cls, position: valuation.Position) -> Self:
        return cls.of_attributes(
            position,
            position_direction=position.direction.value,
            position_size=position.quantity,
            collateral_amount=position.collateral,
            accumulated_funding=position.funding,
            funding_rate_last_applied=position.price_at,
            status="open",
            created_at=position.opened_at,
        )


class InvestmentAnswer(Wire):
    """A stake. One of liquid staking is a receipt: what it minted is a token, which gains value by itself.

    `accrued_interest` is as of `last_update`, the newest day that began, or the withdrawal.
    """

    id: str
    token: str
    token_address: str
    action_type: Literal["staking", "liquid_staking"]
    principal: Number
    accrued_interest: Number | None
    start_date: Moment
    last_update: Moment
    interest_rate: Number
    status: Literal["active", "withdrawn"]
    minted: Number | None
    redeemable: Number | None
    paid: Number | None

    @classmethod
    def running(cls, stake: valuation.Investment, today: datetime) -> Self:
        return cls.of_attributes(
            stake,
            action_type=stake.kind,
            start_date=stake.started_at,
            last_update=max(stake.started_at, today),
            status="active",
            paid=None,
        )

    @classmethod
    def withdrawn(cls, row: Row) -> Self:
        same = ("id", "token", "token_address", "principal", "accrued_interest", "interest_rate", "minted", "paid")
        return cls(
            **{name: row[name] for name in same},
            action_type=row["kind"],
            start_date=row["started_at"],
            last_update=row["withdrawn_at"],
            status="withdrawn",
            redeemable=None,
        )


class PositionsAnswer(Wire):
    """Open ones."""

    positions: list[PositionAnswer]
    tick: Moment | None
    prices_age: int | None


class InvestmentsAnswer(Wire):
    """Running ones, then those that were withdrawn."""

    investments: list[InvestmentAnswer]


class PortfolioAnswer(Wire):
    """All of a player at `timestamp`. `total_value_usd` and what follows from it are null while a price is missing.

    `missing` names those tokens. `tick` is the campaign's newest tick, `last_updated` when the newest of the prices
    used here was accepted, `prices_age` how many seconds before `timestamp` the oldest one was.
    """

    wallet_address: str
    timestamp: Moment
    status: str
    total_value_usd: Number | None
    missing: list[str]
    tokens: list[HoldingAnswer]
    perp_positions: list[PositionAnswer]
    investments: list[InvestmentAnswer]
    pnl_from_start: Number | None
    pnl_percentage: Number | None
    net_flows_usd: Number
    baseline_usd: Number | None
    last_updated: Moment | None
    tick: Moment | None
    prices_age: int | None
    snapshot_details: dict[str, Any] | None

    @classmethod
    def of(cls, found: Portfolio, today: datetime, tick: datetime | None, details: Row | None) -> Self:
        worth = found.worth
        return cls.of_attributes(
            found,
            timestamp=found.at,
            total_value_usd=worth.total,
            missing=list(worth.missing),
            tokens=[HoldingAnswer.of_attributes(token) for token in worth.tokens],
            perp_positions=list(map(PositionAnswer.of, worth.perp_positions)),
            investments=[InvestmentAnswer.running(stake, today) for stake in worth.investments],
            last_updated=worth.last_updated,
            tick=tick,
            prices_age=prices_age(found),
            snapshot_details=None if details is None else dict(details),
        )


def prices_age(found: Portfolio) -> int | None:
    """Whole seconds since the oldest price of a portfolio was accepted."""
    oldest = found.worth.oldest_price_at
    return None if oldest is None else max(0, int((found.at - oldest).total_seconds()))


class RefreshAnswer(Wire):
    """What is known at once, and which tokens have been asked for, by symbol."""

    wished: list[str]
    prices: dict[str, Number | None]
    tick: Moment | None
    prices_age: int | None

    @classmethod
    def of(cls, found: Refresh) -> Self:
        ages = [int(price.age.total_seconds()) for price in found.prices if price.age is not None]
        known = {price.symbol: price.price_usd for price in found.prices}
        return cls(
            wished=list(found.wished),
            prices={symbol: None if text is None else Decimal(text) for symbol, text in known.items()},
            tick=found.tick_at,
            prices_age=max(ages, default=None),
        )


class PointAnswer(Wire):
    """A value in USD, against the first one shown; flows are taken out."""

    timestamp: Moment
    value: Number
    pnl_absolute: Number
    pnl_percentage: Number


class SummaryAnswer(Wire):
    """From the first point to the last."""

    initial_value: Number
    current_value: Number
    pnl_absolute: Number
    pnl_percentage: Number


class PnlAnswer(Wire):
    """The points of a period that ends at `timestamp`; `summary` is null where there is none."""

    wallet_address: str
    period: Period
    timestamp: Moment
    data_points: int
    pnl_data: list[PointAnswer]
    summary: SummaryAnswer | None

    @classmethod
    def of(cls, found: Pnl) -> Self:
        data = [
            PointAnswer(
                timestamp=point.at, value=point.value, pnl_absolute=point.pnl, pnl_percentage=point.percentage
            )
            for point in found.points
        ]
        summary = None
        if data:
            summary = SummaryAnswer(
                initial_value=data[0].value,
                current_value=data[-1].value,
                pnl_absolute=data[-1].pnl_absolute,
                pnl_percentage=data[-1].pnl_percentage,
            )
        return cls.of_attributes(found, timestamp=found.at, data_points=len(data), pnl_data=data, summary=summary)


class TransactionAnswer(Wire):
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


class TransactionsAnswer(Wire):
    """A page, newest first; `total` is of all pages. `next_cursor` goes on after its last row."""

    transactions: list[TransactionAnswer]
    total: int
    limit: int
    offset: int
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page, *, limit: int, offset: int) -> Self:
        rows = [
            TransactionAnswer(**{name: row[name] for name in TransactionAnswer.model_fields}) for row in page.rows
        ]
        return cls(transactions=rows, total=page.total, limit=limit, offset=offset, next_cursor=page.cursor)


class OrdersAnswer(Wire):
    """A page, newest first; `total` is of all pages. `next_cursor` goes on after its last row."""

    orders: list[OrderAnswer]
    total: int
    limit: int
    offset: int
    next_cursor: str | None


class RankedAnswer(Wire):
    """A player's place; it is shared only where percent and USD are both equal."""

    rank: int
    id: str
    username: str
    pnl_percentage: Number
    pnl_usd: Number
    total_value_usd: Number
    twr_percentage: Number | None

    @classmethod
    def of(cls, row: Row) -> Self:
        same = ("rank", "username", "pnl_percentage", "pnl_usd", "total_value_usd")
        percentage = answer.twr_percentage(row["twr_factor"])
        return cls(**{name: row[name] for name in same}, id=row["user"], twr_percentage=percentage)


class UnrankedAnswer(Wire):
    """Who has no place: `no_baseline`, or `price_missing:` and the tokens."""

    id: str
    username: str
    reason: str


class LeaderboardAnswer(Wire):
    """The board of a snapshot; null and empty before the first one. `has_more`: others are ranked after these."""

    at: Moment | None
    users: list[RankedAnswer]
    has_more: bool
    unranked: list[UnrankedAnswer] | None
    limit: int
    offset: int

    @classmethod
    def of(cls, board: Board, unranked: Board | None, *, limit: int, offset: int) -> Self:
        rest = None
        if unranked is not None:
            rest = [
                UnrankedAnswer(id=row["user"], username=row["username"], reason=row["reason"])
                for row in unranked.unranked
            ]
        users = list(map(RankedAnswer.of, board.ranked))
        return cls(at=board.at, users=users, has_more=board.has_more, unranked=rest, limit=limit, offset=offset)

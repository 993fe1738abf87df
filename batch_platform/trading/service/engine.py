"""A campaign in motion: days, players, flows, orders, ticks and snapshots, in the order that the rules give them.

One engine for live trading and for replays: whoever calls brings the session, on the real tables or on temporary
ones, and the instants. Nothing in here looks at a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from batch_platform.core.failures import NotFound
from batch_platform.trading.model import Campaign, Token
from batch_platform.trading.orders import terms
from batch_platform.trading.store import Session

Row = dict[str, Any]


@dataclass(frozen=True)
class Quote:
    """An accepted price in USD, where it came from, and when that source saw it."""

    price: Decimal
    source: str = "given"
    observed_at: datetime | None = None


@dataclass(frozen=True)
class Tick:
    """What followed from a tick: the tokens it holds, positions it liquidated, orders it settled."""

    at: datetime
    token_nos: list[int]
    liquidated: list[Row] = field(default_factory=list)
    settled: list[Row] = field(default_factory=list)

    @property
    def filled(self) -> list[Row]:
        """Orders that were filled."""
        return [order for order in self.settled if order["status"] == "filled"]


def campaign(session: Session, name: str) -> Campaign:
    """A campaign with its tokens. Raises `NotFound`."""
    row = session.campaign(name)
    if row is None:
        raise NotFound("unknown-campaign", "no campaign {campaign}", campaign=name, field="campaign")
    return with_tokens(session, row)


def with_tokens(session: Session, row: Mapping[str, Any]) -> Campaign:
    """A campaign's row as a value."""
    tokens = {
        token["symbol"]: Token(
            number=token["token_no"],
            symbol=token["symbol"],
            decimals=token["decimals"],
            address=token["address"],
            perp_max_leverage=token["perp_max_leverage"],
            lst_no=token["lst_token_no"],
            base_no=token["base_token_no"],
        )
        for token in session.tokens(row["campaign_no"])
    }
    values = {name: value for name, value in row.items() if name != "campaign_no"}
    return Campaign(number=row["campaign_no"], tokens=tokens, **values)


def advance(session: Session, campaign: Campaign, at: datetime) -> Campaign:
    """Accrue every UTC day that has ended by this instant, in order; the first instant of all begins its day."""
    today = at.astimezone(UTC).date()
    day = campaign.day
    if day is None:
        session.begin_day(campaign.number, today)
        day = today
    while day < today:
        session.end_day(campaign.number, day)
        day += timedelta(days=1)
    return replace(campaign, day=day) if day != campaign.day else campaign


def order_row(campaign: Campaign, user_no: int, at: datetime, order_id: str, request: Mapping[str, Any]) -> Row:
    """An order for `Session.accept_orders`; `request` is what was asked for, as a line of a contest has it."""
    return {**asdict(terms(request, campaign)), "id": order_id, "user_no": user_no, "at": at, "request": request}


def flow_row(
    campaign: Campaign, user_no: int, at: datetime, flow: str, amounts: Mapping[str, str], reason: str | None = None
) -> Row:
    """A flow for `Session.add_flows`; amounts are signed, by symbol. Raises `KeyError` for a token there is not."""
    by_token = {campaign.tokens[symbol].number: amount for symbol, amount in amounts.items()}
    return {"user_no": user_no, "at": at, "flow": flow, "amounts": amounts, "by_token": by_token, "reason": reason}


def tick(
    session: Session,
    campaign: Campaign,
    at: datetime,
    quotes: Mapping[str, Quote],
    *,
    kind: str,
    window_at: datetime | None = None,
) -> Tick:
    """All that follows from prices accepted at an instant, which is later than any order accepted before.

    The order is that of the rules: days, derived prices and the funding index, flows, liquidations, fills. Prices of
    tokens that stand for staked ones are left out: theirs is derived. Without any price it is no tick.
    """
    given = {campaign.tokens[symbol]: quote for symbol, quote in quotes.items()}
    prices = [
        {"token_no": token.number, "price_usd": quote.price, "source": quote.source, "observed_at": quote.observed_at}
        for token, quote in given.items()
        if token.base_no is None
    ]
    if not prices:
        return Tick(at, [])
    session.add_tick(campaign.number, at, kind, window_at)
    token_nos = session.add_prices(at, prices)
    session.value_flows(campaign.number, at)
    liquidated = session.liquidate(campaign.number, at, token_nos, campaign.usdc_no)
    settled = settle(session, campaign, at, token_nos)
    done = Tick(at, token_nos, liquidated, settled)
    session.end_tick(campaign.number, at, liquidated=len(liquidated), filled=len(done.filled))
    return done


def settle(
    session: Session, campaign: Campaign, at: datetime, token_nos: Sequence[int] = (), *, user_no: int | None = None
) -> list[Row]:
    """Orders that are filled by a tick's tokens, or whose time has passed."""
    return session.settle_orders(
        campaign.number,
        at,
        token_nos=token_nos,
        usdc_no=campaign.usdc_no,
        swap_fee_bps=campaign.swap_fee_bps,
        perp_fee_bps=campaign.perp_fee_bps,
        user_no=user_no,
    )

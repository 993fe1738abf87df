"""Fresh prices for those who wait: portfolios that are looked at, and orders; what the resident worker does of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from batch_platform.core.failures import NotFound
from batch_platform.trading.amounts import plain
from batch_platform.trading.cadence import GOOD_FOR, Candidate, refresh_order
from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine, live, notices, prices, quotas, ticks
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.prices import Outcome
from batch_platform.trading.service.quotas import Quota
from batch_platform.trading.sources.fetch import Sources
from batch_platform.trading.store import Session

REFRESHES: Final = Quota("price-refresh", 10, timedelta(minutes=1))
"""How often one player may ask for fresh prices."""
FLIGHT: Final = timedelta(minutes=1)
"""After how long a worker that asks the sources is given up, and another one asks."""


@dataclass(frozen=True)
class PriceAge:
    """The newest price of a token, USD; `age` is how long ago it was accepted, None where there is none."""

    symbol: str
    price_usd: str | None = None
    at: datetime | None = None
    observed_at: datetime | None = None
    source: str | None = None
    age: timedelta | None = None


@dataclass(frozen=True)
class Refresh:
    """What is known at once, and what has been asked for: symbols, the most urgent first.

    `wait` is how long a player who asks too often has to wait; then nothing was asked for.
    """

    tick_at: datetime | None
    prices: Sequence[PriceAge]
    wished: Sequence[str]
    wait: timedelta | None


@dataclass(frozen=True)
class Due:
    """What is to be done in a campaign."""

    campaign: str
    is_wished: bool
    is_overdue: bool
    has_ended: bool


def refresh(context: TradingContext, name: str, wallet: str) -> Refresh:
    """A player looks at his portfolio: what he holds and is older than 30 s is wished.

    Raises `NotFound` for a campaign or player there is not.
    """
    now = context.clock()
    with context.store.transaction() as session:
        campaign = engine.campaign(session, name)
        player = session.player(campaign.number, wallet)
        if player is None:
            raise NotFound("unknown-player", "no player {wallet}", wallet=wallet, field="wallet_address")
        session.see_player(player["user_no"], now)
    wait = quotas.wait(context.pool, REFRESHES, f"{name} {wallet}", now=now)
    with context.store.transaction() as session:
        held = [row for row in session.held_tokens(campaign.number, now, player["user_no"]) if row["is_own"]]
        wished = _urgent(held, now) if wait is None and _is_open(campaign, now) else []
        numbers = {row["symbol"]: row["token_no"] for row in held}
        session.wish_prices(campaign.number, [numbers[symbol] for symbol in wished], now)
    return Refresh(campaign.tick_at, [_age(row, now) for row in held], wished, wait)


def due(context: TradingContext) -> list[Due]:
    """The live campaigns in which something is to be done now."""
    now = context.clock()
    with context.store.snapshot() as session:
        rows = session.campaigns_at_work(now=now, overdue=live.whole_second(now) - GOOD_FOR)
    return [Due(row["name"], row["is_wished"], row["is_overdue"], row["has_ended"]) for row in rows]


def fulfil(context: TradingContext, sources: Sources, name: str) -> Outcome | None:
    """Ask for everything that is wished in a campaign, unless somebody does; then None.

    Whoever was paused for longer than `FLIGHT` is given up, and what he brings is late. What is not given is tried
    again later. Raises `NotFound`, `Conflict`.
    """
    begun_at = context.clock()
    with context.store.transaction() as session:
        campaign = engine.campaign(session, name)
        flight = session.take_flight(campaign.number, now=begun_at, ends_at=begun_at + FLIGHT)
        if flight is None:
            return None
        session.drop_wishes(campaign.number, begun_at - GOOD_FOR)
        symbols = _wished(session, campaign, begun_at)
    try:
        return prices.fetch(context, sources, name, symbols) if symbols else Outcome()
    finally:
        now = context.clock()
        with context.store.transaction() as session:
            session.put_off_wishes(campaign.number, begun_at=begun_at, now=now)
            session.end_flight(campaign.number, flight, now)


def expire(context: TradingContext, name: str) -> int:
    """Orders that no tick has filled in time give back what they reserved; how many."""
    with live.alone(context, name) as (session, campaign):
        now = live.whole_second(context.clock())
        at = max(now, campaign.tick_at or now)
        if campaign.ends_at is not None:
            at = min(at, campaign.ends_at)
        expired = engine.settle(session, engine.advance(session, campaign, at), at)
        notices.tell(session, now, settled=expired)
        return len(expired)


def work(context: TradingContext, sources: Sources, task: Due) -> Outcome | None:
    """Do what is due in a campaign: overdue orders first, for at its end the others have not been."""
    if task.is_overdue:
        expire(context, task.campaign)
    if task.has_ended:
        ticks.end(context, task.campaign)
    return fulfil(context, sources, task.campaign) if task.is_wished else None


def _is_open(campaign: Campaign, now: datetime) -> bool:
    return campaign.kind == "live" and (campaign.ends_at is None or now < campaign.ends_at)


def _wished(session: Session, campaign: Campaign, now: datetime) -> list[str]:
    """What orders wait for, then what is looked at, the most urgent first; a staked token for what stands for it."""
    wishes = session.wishes(campaign.number)
    awaited = [row["symbol"] for row in wishes if row["is_awaited"]]
    looked_at = {row["symbol"] for row in wishes if not row["is_awaited"]}
    held = [row for row in session.held_tokens(campaign.number, now) if row["symbol"] in looked_at]
    wished = dict.fromkeys([*awaited, *_urgent(held, now), *sorted(looked_at)])
    symbols = {token.number: token.symbol for token in campaign.tokens.values()}
    tokens = [campaign.tokens[symbol] for symbol in wished]
    return list(dict.fromkeys(symbols[token.base_no or token.number] for token in tokens))


def _urgent(held: Sequence[Row], now: datetime) -> list[str]:
    candidates = [Candidate(row["symbol"], row["prices"] or (), row["holders"], row["at"]) for row in held]
    return refresh_order(candidates, now)


def _age(row: Row, now: datetime) -> PriceAge:
    if row["at"] is None:
        return PriceAge(row["symbol"])
    # a tick may have the second after the present one
    age = max(now - row["at"], timedelta(0))
    return PriceAge(row["symbol"], plain(row["price_usd"]), row["at"], row["observed_at"], row["source"], age)

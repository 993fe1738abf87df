"""Ticks of a live campaign: accepted prices, and in the same transaction all that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from batch_platform.trading.cadence import window_of
from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine, live, notices
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Quote, Tick
from batch_platform.trading.store import Session


def tick(
    context: TradingContext, name: str, quotes: Mapping[str, Quote], *, window_at: datetime | None = None
) -> Tick | None:
    """Prices by symbol, accepted now. None where no price is new, or the campaign has not begun or is over.

    `window_at` begins the ten minutes whose scheduled tick this is; where they have one already, it is that one's
    outcome, without its rows. Raises `NotFound`, `Conflict`.
    """
    with live.alone(context, name) as (session, campaign):
        return tick_within(session, campaign, context.clock(), quotes, window_at=window_at)


def tick_within(
    session: Session,
    campaign: Campaign,
    now: datetime,
    quotes: Mapping[str, Quote],
    *,
    window_at: datetime | None = None,
) -> Tick | None:
    """The same in a transaction that stands alone. No tick of a window falls outside of it."""
    if window_at is not None and (known := session.tick_of_window(campaign.number, window_at)) is not None:
        return Tick(known["at"], [])
    at = live.tick_second(now, campaign)
    if _is_over(campaign, at) or (window_at is not None and window_of(at) != window_at):
        return None
    kind = "refresh" if window_at is None else "scheduled"
    engine.advance(session, campaign, at)
    done = engine.tick(session, campaign, at, quotes, kind=kind, window_at=window_at)
    if not done.token_nos:
        return None
    session.grant_wishes(done.token_nos, at)
    notices.tell(session, now, settled=done.settled, liquidated=done.liquidated)
    return done


def end(context: TradingContext, name: str) -> int:
    """What still waits when a campaign has ended expires as of its end; how many orders."""
    with live.alone(context, name) as (session, campaign):
        if campaign.ends_at is None or context.clock() < campaign.ends_at:
            return 0
        engine.advance(session, campaign, campaign.ends_at)
        expired = engine.settle(session, campaign, campaign.ends_at)
        notices.tell(session, context.clock(), settled=expired)
        session.tell_end(campaign.number, context.clock())
        return len(expired) + session.end_orders(campaign.number, campaign.ends_at)


def _is_over(campaign: Campaign, at: datetime) -> bool:
    return campaign.ends_at is not None and at > campaign.ends_at

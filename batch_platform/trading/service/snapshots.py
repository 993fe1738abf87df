"""Portfolios of a live campaign at an hour: taken late or again they are the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from batch_platform.core.failures import InvalidInput
from batch_platform.trading.instants import instant_text
from batch_platform.trading.service import engine, live
from batch_platform.trading.service.context import TradingContext


@dataclass(frozen=True)
class Taken:
    """How many players were valued, could not be for want of a price, and have a baseline."""

    at: datetime
    complete: int
    incomplete: int
    players: int


def take(context: TradingContext, name: str, at: datetime) -> Taken:
    """Value every player of a live campaign at an instant that has passed. Raises `InvalidInput` for a later one."""
    if at + live.SECOND > context.clock():
        raise InvalidInput("snapshot-too-early", "{at} has not passed", at=instant_text(at), field="at")
    with context.store.transaction() as session:
        campaign = engine.campaign(session, name)
    live.wait_for_acts(context, campaign)
    with context.store.transaction() as session:
        session.make_partition(at.astimezone(UTC).date())
    with live.acting(context, name) as (session, campaign):
        engine.advance(session, campaign, at)
        return Taken(at, **session.take_snapshot(campaign.number, at, campaign.usdc_no))

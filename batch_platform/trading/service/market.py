"""A campaign as whoever acts in it, or looks at it, finds it."""

from __future__ import annotations

from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine
from batch_platform.trading.service.context import TradingContext


def campaign(context: TradingContext, name: str) -> Campaign:
    """A campaign with its tokens. Raises `NotFound`."""
    with context.store.snapshot() as session:
        return engine.campaign(session, name)

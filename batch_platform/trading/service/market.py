"""What a campaign trades, and at which prices, as whoever is signed in may see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row


@dataclass(frozen=True)
class Prices:
    """The newest price of each token, `tick_at` the newest tick of the campaign, `now` when this was read."""

    rows: list[Row]
    tick_at: datetime | None
    now: datetime


def campaign(context: TradingContext, name: str) -> Campaign:
    """A campaign with its tokens. Raises `NotFound`."""
    with context.store.snapshot() as session:
        return engine.campaign(session, name)


def tokens(context: TradingContext, name: str) -> list[Row]:
    """The tokens of a campaign, each with the `lst_address` of what stands for it when staked. Raises `NotFound`."""
    with context.store.snapshot() as session:
        rows = session.tokens(engine.campaign(session, name).number)
    addresses = {row["token_no"]: row["address"] for row in rows}
    return [{**row, "lst_address": addresses.get(row["lst_token_no"])} for row in rows]


def prices(context: TradingContext, name: str, addresses: Sequence[str] | None = None) -> Prices:
    """The newest prices of these tokens, or of all; one that has none is left out. Raises `NotFound`."""
    with context.store.snapshot() as session:
        found = engine.campaign(session, name)
        return Prices(session.newest_prices(found.number, addresses), found.tick_at, context.clock())

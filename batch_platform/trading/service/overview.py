"""A competition at a glance, and a token's past, as pages show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from batch_platform.core.failures import NotFound
from batch_platform.trading.series import Period
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.looking import newest, no_campaign
from batch_platform.trading.store import Session

SHOWN_FOR = timedelta(days=14)
"""How far back questions to the sources and refused prices are shown."""


@dataclass(frozen=True)
class TokenHistory:
    """A token's prices over a period, the oldest first; `marks` are what a player did on it, and what befell him."""

    period: Period
    until: datetime
    points: Sequence[Row]
    marks: Sequence[Row]
    funding_rate: Row | None


def standing(context: TradingContext, campaign: str, wallet: str, at: datetime | None) -> Row | None:
    """The player's row on the board of an instant; None for who is not listed, or does not play."""
    with context.store.snapshot() as session:
        row = session.player_in(campaign, wallet)
        if at is None or row is None or row["user_no"] is None:
            return None
        return session.standing(row["user_no"], at)


def plays(context: TradingContext, campaign: str, wallet: str) -> bool:
    """Whether somebody plays in a campaign by this wallet; nobody does in one that is not there."""
    with context.store.snapshot() as session:
        row = session.player_in(campaign, wallet)
        return row is not None and row["user_no"] is not None


def instants(context: TradingContext, campaign: str, since: timedelta) -> list[datetime]:
    """When boards were made, the newest first: those of a time before the newest one. Raises `NotFound`."""
    with context.store.snapshot() as session:
        number = _campaign(session, campaign)["campaign_no"]
        last = session.newest_instant(number)
        return [] if last is None else session.instants(number, last - since)[::-1]


def token_history(
    context: TradingContext, campaign: str, symbol: str, period: Period, *, wallet: str | None = None
) -> TokenHistory:
    """A token up to now, or to the end of a loaded contest; with the marks of a player. Raises `NotFound`."""
    with context.store.snapshot() as session:
        row = _campaign(session, campaign)
        token = session.token_of_symbol(row["campaign_no"], symbol)
        if token is None:
            raise NotFound(
                "no-token", "no token {token} in campaign {campaign}", token=symbol, campaign=campaign, field="symbol"
            )
        until = newest(context, row)
        since, number = until - period.length, token["token_no"]
        player = session.player_in(campaign, wallet) if wallet else None
        user_no = player and player["user_no"]
        return TokenHistory(
            period,
            until,
            session.price_points(number, since, until, period.bucket / 6),
            session.marks(user_no, number, since, until) if user_no else [],
            session.newest_funding_rate(number, until),
        )


def fetches(context: TradingContext, campaign: str, *, limit: int) -> tuple[list[Row], list[Row]]:
    """The newest question to each source of prices, and refused prices, the newest first. Raises `NotFound`."""
    with context.store.snapshot() as session:
        row = _campaign(session, campaign)
        since = newest(context, row) - SHOWN_FOR
        number = row["campaign_no"]
        return session.newest_fetches(number, since), session.newest_refusals(number, since, limit)


def players(
    context: TradingContext, campaign: str, words: str = "", *, limit: int, offset: int = 0
) -> tuple[list[Row], bool]:
    """Players by when they came, and whether more follow. Raises `NotFound`."""
    with context.store.snapshot() as session:
        number = _campaign(session, campaign)["campaign_no"]
        rows = session.player_list(number, words, limit=limit + 1, offset=offset)
        return rows[:limit], len(rows) > limit


def _campaign(session: Session, name: str) -> Row:
    row = session.campaign(name)
    if row is None:
        raise no_campaign(name)
    return row

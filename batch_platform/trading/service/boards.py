"""The leaderboard at an instant, whole or page by page, and the snapshots that it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from batch_platform.core.failures import NotFound
from batch_platform.trading.instants import instant_text
from batch_platform.trading.service import engine
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.looking import no_campaign
from batch_platform.trading.store import Session


@dataclass(frozen=True)
class Board:
    """Ranked players of an instant, and who has no rank and why; no instant before the first snapshot.

    `has_more`: ranked players follow after these.
    """

    at: datetime | None
    ranked: list[Row] = field(default_factory=list)
    unranked: list[Row] = field(default_factory=list)
    has_more: bool = False


def leaderboard(context: TradingContext, campaign: str, *, at: datetime | None = None) -> Board:
    """The whole board, without an instant that of the newest snapshot.

    Raises `NotFound` for no such campaign, or an instant without a snapshot.
    """
    with _valued(context, campaign, at) as (session, number, instant):
        if instant is None:
            return Board(None)
        return Board(instant, session.ranked(number, instant), session.unranked(number, instant))


def ranking(
    context: TradingContext, campaign: str, *, at: datetime | None = None, limit: int = 20, offset: int = 0
) -> Board:
    """A page of the ranked ones alone. Raises as `leaderboard` does."""
    with _valued(context, campaign, at) as (session, number, instant):
        if instant is None:
            return Board(None)
        rows = session.ranked(number, instant, limit=limit + 1, offset=offset)
        return Board(instant, rows[:limit], has_more=len(rows) > limit)


def snapshots(context: TradingContext, campaign: str, *, at: datetime | None = None) -> list[Row]:
    """The rows of an instant, without one all, by (at, user): those that thinning has left.

    Raises `NotFound` for no such campaign, or an instant without a snapshot.
    """
    with context.store.snapshot() as session:
        row = _campaign(session, campaign)
        if at is not None:
            _require(session, row, at)
        return session.snapshots(row["campaign_no"], at)


@contextmanager
def _valued(
    context: TradingContext, name: str, at: datetime | None
) -> Iterator[tuple[Session, int, datetime | None]]:
    """A session that has everybody's row of an instant.

    Rows that thinning has taken away are made again from the facts, and gone with the session.
    """
    with context.store.snapshot() as session:
        row = _campaign(session, name)
        number = row["campaign_no"]
        instant = session.newest_instant(number) if at is None else _require(session, row, at)
        if instant is None or row["thinned_to"] is None or instant >= row["thinned_to"]:
            yield session, number, instant
            return
    with context.store.rolled_back() as session:
        campaign = engine.campaign(session, name)
        session.make_partition(instant.date())
        session.take_snapshot(number, instant, campaign.usdc_no)
        yield session, number, instant


def _campaign(session: Session, name: str) -> Row:
    row = session.campaign(name)
    if row is None:
        raise no_campaign(name)
    return row


def _require(session: Session, campaign: Row, at: datetime) -> datetime:
    if not session.has_instant(campaign["campaign_no"], at):
        raise NotFound(
            "no-snapshot-then",
            "campaign {campaign} has no snapshot of {at}",
            campaign=campaign["name"],
            at=instant_text(at),
            field="at",
        )
    return at

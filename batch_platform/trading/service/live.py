"""What all acts in a live campaign share: who stands alone, whose turn it is, and which second an act has.

Facts of a second count in the order user, flow, tick, order, snapshot, so that a replay of them is the same contest.
An act that would come out of this order is given a later second: an order at the newest tick's at the earliest, a
tick after every order, a flow after both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from psycopg import Rollback

from batch_platform.core.failures import Conflict, NotFound
from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.store import Session

SECOND = timedelta(seconds=1)


def whole_second(moment: datetime) -> datetime:
    """What is below a second is cut."""
    return moment.replace(microsecond=0)


@contextmanager
def acting(context: TradingContext, name: str, *, dry_run: bool = False) -> Iterator[tuple[Session, Campaign]]:
    """A transaction beside others of its kind, in which no tick happens. Raises `NotFound`, `Conflict`.

    A dry run ends as if it had never been.
    """
    with context.store.transaction() as session:
        campaign = engine.campaign(session, name)
        session.share(campaign.number)
        yield session, _live(session, name)
        undo(dry_run=dry_run)


@contextmanager
def alone(context: TradingContext, name: str, *, dry_run: bool = False) -> Iterator[tuple[Session, Campaign]]:
    """A transaction in which nobody else acts in the campaign. Raises `NotFound`, `Conflict`.

    A dry run ends as if it had never been.
    """
    with context.store.transaction() as session:
        campaign = engine.campaign(session, name)
        session.lock(campaign.number)
        yield session, _live(session, name)
        undo(dry_run=dry_run)


def undo(*, dry_run: bool) -> None:
    """The last statement of a transaction that may be a dry run: nothing of it stays."""
    if dry_run:
        raise Rollback


def wait_for_acts(context: TradingContext, campaign: Campaign) -> None:
    """Once this returns, everything that was begun in the campaign before it is there, or never will be."""
    with context.store.transaction() as session:
        session.lock(campaign.number)


def player(session: Session, campaign: Campaign, wallet: str) -> Row:
    """A player, for whom nobody else acts until the end of the transaction. Raises `NotFound`."""
    row = session.lock_player(campaign.number, wallet)
    if row is None:
        raise no_player(wallet)
    return row


def no_player(wallet: str) -> NotFound:
    """For a wallet that nobody plays by."""
    return NotFound("unknown-player", "no player {wallet}", wallet=wallet, field="wallet_address")


def order_second(now: datetime, campaign: Campaign, acted_at: datetime) -> datetime:
    """After the newest tick and everything of the player's own."""
    return max(whole_second(now), acted_at, campaign.tick_at or acted_at)


def flow_second(now: datetime, campaign: Campaign, acted_at: datetime | None = None) -> datetime:
    """A second that holds neither a tick nor an act of the player yet."""
    taken = [moment + SECOND for moment in (campaign.tick_at, acted_at) if moment is not None]
    return max([whole_second(now), *taken])


def tick_second(now: datetime, campaign: Campaign) -> datetime:
    """After every order that has been accepted by now."""
    after = whole_second(now) + SECOND
    return after if campaign.tick_at is None else max(after, campaign.tick_at + SECOND)


def _live(session: Session, name: str) -> Campaign:
    """As it is once the lock is held."""
    campaign = engine.campaign(session, name)
    if campaign.kind != "live":
        raise Conflict(
            "campaign-not-live",
            "campaign {campaign} was loaded from a file: nobody acts in it",
            campaign=name,
            field="campaign",
        )
    return campaign

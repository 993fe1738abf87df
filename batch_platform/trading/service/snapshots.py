"""Portfolios valued at an instant, on time, late or again: the rows are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

from batch_platform.core.failures import InvalidInput
from batch_platform.trading.instants import day_start, instant_text
from batch_platform.trading.model import Campaign
from batch_platform.trading.retention import bucket_length
from batch_platform.trading.service import engine, live
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.retention import as_of, thin_days
from batch_platform.trading.store import Session


@dataclass(frozen=True)
class Taken:
    """How many players were valued, could not be for want of a price, and have a baseline."""

    at: datetime
    complete: int
    incomplete: int
    players: int


def take(context: TradingContext, name: str, at: datetime) -> Taken:
    """Value every player at an instant that has passed, from facts up to it alone.

    Rows build on those before them. Where these have been thinned they are made again for the while; an instant
    that comes after later ones makes those again too. Raises `NotFound`, and `InvalidInput` for an instant to come.
    """
    with context.store.snapshot() as session:
        campaign = engine.campaign(session, name)
    if campaign.kind == "live":
        if at + live.SECOND > context.clock():
            raise InvalidInput("snapshot-too-early", "{at} has not passed", at=instant_text(at), field="at")
        live.wait_for_acts(context, campaign)
    with context.store.transaction() as session:  # by itself: who reads the table waits for it
        for day in _days(_chain(session, campaign, at)):
            session.make_partition(day)
    with _still(context, campaign) as session:
        session.lock_history(campaign.number)
        campaign = engine.campaign(session, name)
        if campaign.kind == "live":
            campaign = engine.advance(session, campaign, at)
        instants = _chain(session, campaign, at)
        counts = {instant: session.take_snapshot(campaign.number, instant, campaign.usdc_no) for instant in instants}
        if campaign.thinned_to is not None:
            thin_days(session, campaign.number, _days(instants), campaign.thinned_to)
        return Taken(at, **counts[at])


@contextmanager
def _still(context: TradingContext, campaign: Campaign) -> Iterator[Session]:
    """No tick happens meanwhile; in a loaded campaign none ever does."""
    if campaign.kind == "live":
        with live.acting(context, campaign.name) as (session, _):
            yield session
    else:
        with context.store.transaction() as session:
            yield session


def _chain(session: Session, campaign: Campaign, at: datetime) -> list[datetime]:
    """The instants to value, in order.

    Of each day the newest row of every player stays, so that a thinned day can be made again from its first instant.
    """
    known = session.instants(campaign.number, day_start(_day(at)))
    thinned_to = campaign.thinned_to
    is_thinned = thinned_to is not None and bucket_length(_day(at), as_of(thinned_to)) is not None
    before = [instant for instant in known if instant < at] if is_thinned else []
    after = [] if at in known else [instant for instant in known if instant > at]
    return [*before, at, *after]


def _days(instants: list[datetime]) -> list[date]:
    return sorted({_day(instant) for instant in instants})


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()

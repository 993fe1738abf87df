"""What recurs in all live campaigns, by hours, days and weeks: which of it is missing, and how one is done.

A partition that is asked for late or again gives the same rows. Loaded campaigns are left alone.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from batch_platform.core.failures import InvalidInput
from batch_platform.trading.instants import day_start
from batch_platform.trading.model import Campaign
from batch_platform.trading.retention import WHOLE
from batch_platform.trading.service import boards, engine, live, snapshots, ticks
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.snapshots import Taken

DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)


def live_campaigns(context: TradingContext) -> list[Campaign]:
    """With their tokens, the oldest first."""
    with context.store.snapshot() as session:
        return [engine.with_tokens(session, row) for row in session.campaigns("live")]


def missing_hours(context: TradingContext, until: datetime) -> list[datetime]:
    """Hours up to this instant that some campaign has no snapshot of, in order."""
    with context.store.snapshot() as session:
        return session.missing_hours(until)


def first_day(context: TradingContext) -> date | None:
    """The first UTC day of the campaigns that have days to accrue; None without any."""
    with context.store.snapshot() as session:
        return session.first_day()


def missing_weeks(context: TradingContext, today: date) -> list[date]:
    """Sundays up to this day as of which some campaign has not been thinned, in order."""
    with context.store.snapshot() as session:
        last = session.thinned_as_of(WHOLE)
    if last is None:
        return []
    first = last + (7 - last.isoweekday() % 7) * DAY
    return [first + index * WEEK for index in range((today - first) // WEEK + 1)]


def instants_of_hour(context: TradingContext, at: datetime) -> list[Row]:
    """The campaigns that are valued in the hour that begins at an instant, as `Session.instants_of_hour`."""
    with context.store.snapshot() as session:
        return session.instants_of_hour(at)


def take_hour(context: TradingContext, at: datetime) -> dict[str, Taken]:
    """Value everybody at an hour, by campaign; in one that has ended within it, at its end. Raises `InvalidInput`."""
    taken = {}
    for row in instants_of_hour(context, at):
        ticks.end(context, row["name"])
        taken[row["name"]] = snapshots.take(context, row["name"], row["at"])
    return taken


def accrue_day(context: TradingContext, day: date) -> None:
    """Interest and rates of liquid staking of a UTC day, after those of all days before it.

    Raises `InvalidInput` for a day that is not over.
    """
    if day_start(day + DAY) > context.clock():
        raise InvalidInput("day-not-over", "{day} is not over yet", day=day, field="day")
    for campaign in live_campaigns(context):
        with live.alone(context, campaign.name) as (session, current):
            if days := days_to_accrue(current, day):
                engine.advance(session, current, day_start(days[-1] + DAY))


def days_to_accrue(campaign: Campaign, day: date) -> list[date]:
    """The days of a campaign up to this one that are not accrued; none before its first act, nor after its end."""
    until = day + DAY if campaign.ends_at is None else min(day + DAY, campaign.ends_at.astimezone(UTC).date())
    first = campaign.day or until
    return [first + index * DAY for index in range((until - first).days)]


def boards_of_hour(context: TradingContext, at: datetime) -> tuple[list[Row], list[Row]]:
    """Ranked and unranked players at an hour, each with its `campaign`. Raises `NotFound` before it is taken."""
    ranked: list[Row] = []
    unranked: list[Row] = []
    for row in instants_of_hour(context, at):
        board = boards.leaderboard(context, row["name"], at=row["at"])
        ranked += [{"campaign": row["name"], **player} for player in board.ranked]
        unranked += [{"campaign": row["name"], **player} for player in board.unranked]
    return ranked, unranked

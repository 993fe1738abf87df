"""Thinning of old snapshots: weekly, skipped or all at once, the same rows stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from batch_platform.core.failures import TransientFailure
from batch_platform.core.progress import report
from batch_platform.trading.instants import day_start
from batch_platform.trading.retention import WHOLE, bucket_length
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.looking import no_campaign
from batch_platform.trading.store import Session

PRUNE: Final = "snapshots.prune"
"""What thinning is called in the audit log, where a person does it."""


@dataclass(frozen=True)
class Thinned:
    """Snapshots that a campaign has lost, or would lose, as of which day; and old `looks` at sources of prices."""

    campaign: str
    date: date
    removed: int
    looks: int


@dataclass(frozen=True)
class Pruned:
    """What the thinning of a day has done, or would do; `partitions` are those that it left empty, and dropped."""

    campaigns: list[Thinned]
    partitions: list[str]

    @property
    def removed(self) -> int:
        """Snapshots of all campaigns."""
        return sum(campaign.removed for campaign in self.campaigns)


def prune(
    context: TradingContext, day: date, *, campaign: str | None = None, kind: str | None = None, dry_run: bool = False
) -> Pruned:
    """Thin the snapshots of a campaign, or of all of a kind (live, loaded), as of a day, and why there were none.

    What sources answered and what was refused of it stays as long as snapshots stay whole, for whoever looks into it.
    A live campaign is thinned as of today at most. Raises `NotFound`.
    """
    with context.store.snapshot() as session:
        rows = [session.campaign(campaign)] if campaign is not None else session.campaigns(kind)
    campaigns = [row for row in rows if row is not None]
    if campaign is not None and not campaigns:
        raise no_campaign(campaign)
    done = [_thin(context, row, _day_of(context, row, day), dry_run=dry_run) for row in campaigns]
    return Pruned(done, [] if dry_run else _drop_empty(context, min(day, _today(context))))


def thin_days(session: Session, campaign_no: int, days: Iterable[date], thinned_to: datetime) -> None:
    """Days that were written again, as they were thinned before."""
    for day in days:
        if length := bucket_length(day, as_of(thinned_to)):
            session.thin_day(campaign_no, day, length)


def as_of(thinned_to: datetime) -> date:
    """The day of the thinning that has reached this instant."""
    return (thinned_to.astimezone(UTC) + WHOLE).date()


def _thin(context: TradingContext, row: Row, day: date, *, dry_run: bool) -> Thinned:
    """One transaction: killed, it has thinned nothing."""
    number, before = row["campaign_no"], day_start(day) - WHOLE
    with context.store.transaction() as session:
        session.lock_history(number)
        current = session.campaign(row["name"]) or row
        days = _changed(session.instants(number), day, current["thinned_to"])
        if dry_run:
            surplus = sum(session.surplus_of_day(number, *part) for part in days)
            return Thinned(row["name"], day, surplus, session.old_looks(number, before))
        removed = 0
        for of, length in days:
            report(f"{row['name']}: {of}")
            removed += session.thin_day(number, of, length)
        looks = session.clear_looks(number, before)
        session.mark_thinned(number, before)
    return Thinned(row["name"], day, removed, looks)


def _changed(instants: list[datetime], day: date, thinned_to: datetime | None) -> list[tuple[date, timedelta]]:
    """Days whose buckets are longer now than at the thinning before, and how long."""
    before = None if thinned_to is None else as_of(thinned_to)
    if before is not None and day <= before:
        return []
    changed = []
    for of in sorted({at.astimezone(UTC).date() for at in instants}):
        length = bucket_length(of, day)
        if length is not None and (before is None or bucket_length(of, before) != length):
            changed.append((of, length))
    return changed


def _day_of(context: TradingContext, row: Row, day: date) -> date:
    return min(day, _today(context)) if row["kind"] == "live" else day


def _today(context: TradingContext) -> date:
    return context.clock().astimezone(UTC).date()


def _drop_empty(context: TradingContext, day: date) -> list[str]:
    """Each by itself; one that is being looked at stays until the next time."""
    with context.store.transaction() as session:
        names = session.empty_partitions((day_start(day) - WHOLE).date())
    dropped = []
    for name in names:
        try:
            with context.store.transaction() as session:
                if session.drop_if_empty(name):
                    dropped.append(name)
        except TransientFailure:
            continue
    return dropped

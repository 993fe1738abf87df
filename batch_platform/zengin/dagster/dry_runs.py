"""Dry runs of the zengin jobs: they write nothing and end with a table of what would be done."""

import datetime as dt

from batch_platform.core.clock import parse_day
from batch_platform.core.failures import InvalidInput
from batch_platform.kit.dry_runs import DryRun, rows_of
from batch_platform.zengin import service
from batch_platform.zengin.service import ZenginContext


def snapshot(
    context: ZenginContext, date: str | None = None, source: str | None = None, bootstrap: bool = False
) -> DryRun:
    """Reads the day's releases as zengin-snapshot does and tells what they hold."""
    day = _day(context, date)
    sources = [source] if source else [drop.source for drop in context.drops() if drop.day == day]
    outcomes = [service.take_snapshot(context, each, day, bootstrap=bootstrap, dry_run=True) for each in sources]
    of_release = ("provenance.source", "provenance.version", "banks", "branches")
    rows = rows_of(outcomes, *of_release, orphans=lambda outcome: len(outcome.orphans), new="taken")
    return rows, f"{sum(row['new'] for row in rows)} snapshots would be kept for {day}"


def diff(context: ZenginContext, date: str | None = None) -> DryRun:
    """Compares the newest snapshot as zengin-diff does and tells what it raises."""
    changeset = service.propose(context, _day(context, date) if date else None, dry_run=True).changeset
    rows = [{"count": name, "rows": count} for name, count in changeset.counts.items()]
    return rows, f"{changeset.verdict}: {changeset.reason}"


def apply(context: ZenginContext, date: str | None = None) -> DryRun:
    """Executes what zengin-apply would, rolls it back, and tells the counts."""
    outcome = service.apply(context, _day(context, date), dry_run=True)
    rows = rows_of(
        outcome.changesets,
        changeset="changeset_id",
        applied="applied",
        already="already",
        conflicts="conflicts",
        waiting="waiting",
    )
    return rows, f"{sum(row['applied'] for row in rows)} rows would be applied for {outcome.business_date}"


def sweep(context: ZenginContext) -> DryRun:
    """Tells what zengin-sweep would expire and mend."""
    swept = service.sweep(context, dry_run=True)
    return rows_of([swept], "expired", "finished", "given_back"), f"{swept.expired} records would expire"


def retention(context: ZenginContext) -> DryRun:
    """Tells how much history zengin-retention would delete."""
    rows = service.purge(context, dry_run=True)
    return [{"change_history": rows}], f"{rows} rows would be deleted"


def _day(context: ZenginContext, date: str | None) -> dt.date:
    try:
        return parse_day(date) if date else context.business_date()
    except ValueError:
        raise InvalidInput("not-a-date", "{text} is not a date YYYY-MM-DD", text=date or "", field="date") from None

"""Dry runs of the zengin jobs: they write nothing and end with a table of what would be done."""

from datetime import date

import dagster as dg

from batch_platform.core.clock import parse_day
from batch_platform.core.failures import InvalidInput
from batch_platform.operations.dagster.dry_run import dry_run_result, rows_of
from batch_platform.resources.failures import dagster_failures
from batch_platform.zengin import service
from batch_platform.zengin.dagster.resource import ZenginResource
from batch_platform.zengin.service import ZenginContext


class DayConfig(dg.Config):
    """Which day; nothing named: today's business date, its drops."""

    date: str | None = None  # YYYY-MM-DD
    source: str | None = None
    bootstrap: bool = False


@dg.op(
    name="rehearse_snapshot", description="Reads the day's releases as zengin-snapshot does and tells what they hold."
)
def snapshot(config: DayConfig, zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(), zengin.work() as work:
        day = _day(config, work)
        sources = [config.source] if config.source else [drop.source for drop in work.drops() if drop.day == day]
        outcomes = [
            service.take_snapshot(work, source, day, bootstrap=config.bootstrap, dry_run=True) for source in sources
        ]
    rows = rows_of(
        outcomes,
        source="provenance.source",
        version="provenance.version",
        banks="banks",
        branches="branches",
        orphans=lambda outcome: len(outcome.orphans),
        new="taken",
    )
    return dry_run_result(rows, f"{sum(row['new'] for row in rows)} snapshots would be kept for {day}")


@dg.op(name="rehearse_diff", description="Compares the newest snapshot as zengin-diff does and tells what it raises.")
def diff(config: DayConfig, zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(), zengin.work() as work:
        changeset = service.propose(work, _day(config, work) if config.date else None, dry_run=True).changeset
    rows = [{"count": name, "rows": count} for name, count in changeset.counts.items()]
    return dry_run_result(rows, f"{changeset.verdict}: {changeset.reason}")


@dg.op(name="rehearse_apply", description="Executes what zengin-apply would, rolls it back, and tells the counts.")
def apply(config: DayConfig, zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(), zengin.work() as work:
        outcome = service.apply(work, _day(config, work), dry_run=True)
    rows = rows_of(
        outcome.changesets,
        changeset="changeset_id",
        applied="applied",
        already="already",
        conflicts="conflicts",
        waiting="waiting",
    )
    total = sum(row["applied"] for row in rows)
    return dry_run_result(rows, f"{total} rows would be applied for {outcome.business_date}")


@dg.op(name="rehearse_sweep", description="Tells what zengin-sweep would expire and mend.")
def sweep(zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(), zengin.work() as work:
        found = service.sweep(work, dry_run=True)
    rows = rows_of([found], expired="expired", finished="finished", given_back="given_back")
    return dry_run_result(rows, f"{found.expired} records would expire")


@dg.op(name="rehearse_retention", description="Tells how much history zengin-retention would delete.")
def retention(zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(), zengin.work() as work:
        rows = service.purge(work, dry_run=True)
    return dry_run_result([{"change_history": rows}], f"{rows} rows would be deleted")


def _day(config: DayConfig, work: ZenginContext) -> date:
    try:
        return parse_day(config.date) if config.date else work.business_date()
    except ValueError:
        raise InvalidInput(
            "not-a-date", "{text} is not a date YYYY-MM-DD", text=config.date or "", field="date"
        ) from None

"""Dry runs of the zengin jobs: Dagster jobs that write nothing and end with a table of what would be done."""

from datetime import date
from typing import Any, Final

import dagster as dg

from batch_platform.core.clock import parse_day
from batch_platform.core.failures import InvalidInput
from batch_platform.operations.dagster.dry_run import dry_run_result
from batch_platform.resources.failures import dagster_failures
from batch_platform.zengin import service
from batch_platform.zengin.dagster.resource import ZenginResource
from batch_platform.zengin.service import ZenginContext

_TAGS: Final = {"dagster/max_runtime": "1800"}


class RehearsalConfig(dg.Config):
    """What to rehearse; nothing named: today's business date, its drops."""

    date: str | None = None  # YYYY-MM-DD
    source: str | None = None
    bootstrap: bool = False


@dg.op(description="Reads the day's releases as zengin-snapshot does and tells what they hold.")
def rehearse_snapshot(config: RehearsalConfig, zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(), zengin.work() as work:
        day = _day(config, work)
        sources = [config.source] if config.source else [drop.source for drop in work.drops() if drop.day == day]
        found = [service.take_snapshot(work, one, day, bootstrap=config.bootstrap, dry_run=True) for one in sources]
    rows: list[dict[str, Any]] = [
        {
            "source": one.provenance.source,
            "version": one.provenance.version,
            "banks": one.banks,
            "branches": one.branches,
            "orphans": len(one.orphans),
            "new": one.taken,
        }
        for one in found
    ]
    return dry_run_result(rows, f"{sum(1 for one in found if one.taken)} snapshots would be kept for {day}")


@dg.op(description="Compares the newest snapshot as zengin-diff does and tells what it would raise.")
def rehearse_diff(config: RehearsalConfig, zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(), zengin.work() as work:
        changeset = service.propose(work, _day(config, work) if config.date else None, dry_run=True).changeset
    rows = [{"count": name, "rows": count} for name, count in changeset.counts.items()]
    return dry_run_result(rows, f"{changeset.verdict}: {changeset.reason}")


@dg.op(description="Executes what zengin-apply would, rolls it back, and tells the counts.")
def rehearse_apply(config: RehearsalConfig, zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(), zengin.work() as work:
        outcome = service.apply(work, _day(config, work), dry_run=True)
    rows = [
        {
            "changeset": one.changeset_id,
            "applied": one.applied,
            "already": one.already,
            "conflicts": one.conflicts,
            "waiting": one.waiting,
        }
        for one in outcome.changesets
    ]
    total = sum(one.applied for one in outcome.changesets)
    return dry_run_result(rows, f"{total} rows would be applied for {outcome.business_date}")


@dg.op(description="Tells what zengin-sweep would expire and mend.")
def rehearse_sweep(zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(), zengin.work() as work:
        found = service.sweep(work, dry_run=True)
    rows = [{"expired": found.expired, "finished": found.finished, "given_back": found.given_back}]
    return dry_run_result(rows, f"{found.expired} records would expire")


@dg.op(description="Tells how much history zengin-retention would delete.")
def rehearse_retention(zengin: ZenginResource) -> dg.Output[None]:
    with dagster_failures(), zengin.work() as work:
        rows = service.purge(work, dry_run=True)
    return dry_run_result([{"change_history": rows}], f"{rows} rows would be deleted")


def _day(config: RehearsalConfig, work: ZenginContext) -> date:
    try:
        return parse_day(config.date) if config.date else work.business_date()
    except ValueError:
        raise InvalidInput(f"{config.date} is not a date YYYY-MM-DD", field="date") from None


@dg.job(description="Dry run of zengin-snapshot.", tags=_TAGS)
def zengin_snapshot_dry_run() -> None:
    rehearse_snapshot()


@dg.job(description="Dry run of zengin-diff.", tags=_TAGS)
def zengin_diff_dry_run() -> None:
    rehearse_diff()


@dg.job(description="Dry run of zengin-apply.", tags=_TAGS)
def zengin_apply_dry_run() -> None:
    rehearse_apply()


@dg.job(description="Dry run of zengin-sweep.", tags=_TAGS)
def zengin_sweep_dry_run() -> None:
    rehearse_sweep()


@dg.job(description="Dry run of zengin-retention.", tags=_TAGS)
def zengin_retention_dry_run() -> None:
    rehearse_retention()


JOBS: Final = [
    zengin_snapshot_dry_run,
    zengin_diff_dry_run,
    zengin_apply_dry_run,
    zengin_sweep_dry_run,
    zengin_retention_dry_run,
]

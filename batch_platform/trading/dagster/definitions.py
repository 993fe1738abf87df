"""What trading declares to Dagster and to the registry."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from batch_platform.kit.jobs import DagsterRoom, DeclaredJob, Run, Schedule, job
from batch_platform.trading import jobs
from batch_platform.trading.dagster import assets, dry_runs, prices, sensors
from batch_platform.trading.dagster.resource import TradingResource
from batch_platform.web.i18n import N_

if TYPE_CHECKING:
    from batch_platform.settings import Settings

_UTC: Final = "UTC"
_HALF_A_MINUTE: Final = timedelta(seconds=30)
_FIVE_MINUTES: Final = timedelta(minutes=5)
_HOUR: Final = timedelta(hours=1)
_DAYS: Final = (assets.interest_index, assets.lst_rates)
_HOURS: Final = (assets.portfolio_snapshots, assets.leaderboard)


def build_jobs(_settings: Settings) -> tuple[DeclaredJob, ...]:
    """The batches of the competition. Liquidations have no job of their own: each tick looks for them."""
    common: dict[str, Any] = {"domain": "trading", "permission": "trading:administer"}
    return (
        job(
            id="TRD_001",
            name="price-update",
            title=N_("Update token prices"),
            description=N_("Fetches all prices: a tick, with funding, liquidations and fills in the same step."),
            plan=jobs.plan_prices,
            runs=[Run(jobs.PRICES, prices.TICK)],
            dry_run=dry_runs.prices,
            schedules=[
                # Tokyo sleeps from 01:00 to 05:59; `cadence` says the same
                Schedule(f"{jobs.PRICES}_schedule", "*/10 0-15,21-23 * * *", sensors.due_tick, time_zone=_UTC),
                Schedule(f"{jobs.PRICES}_night_schedule", "*/15 16-20 * * *", sensors.due_tick, time_zone=_UTC),
            ],
            critical=True,
            max_duration=_FIVE_MINUTES,
            deadline=_HALF_A_MINUTE,
            **common,
        ),
        job(
            id="TRD_002",
            name="daily-interest",
            title=N_("Accrue the interest of a day"),
            description=N_("Adds the rates of days that have ended to the indexes of staking and liquid staking."),
            plan=jobs.plan_interest,
            runs=[Run(jobs.INTEREST, _DAYS)],
            dry_run=dry_runs.interest,
            schedules=[Schedule(f"{jobs.INTEREST}_schedule", "0 0 * * *", sensors.missing_days, time_zone=_UTC)],
            deadline=_FIVE_MINUTES,
            **common,
        ),
        job(
            id="TRD_003",
            name="funding-rate",
            title=N_("Fetch funding rates"),
            description=N_("Fetches the rates of perpetual futures; positions pay by them from tick to tick."),
            runs=[Run(jobs.FUNDING, prices.fetch_funding_rates)],
            dry_run=dry_runs.funding,
            schedules=[Schedule(f"{jobs.FUNDING}_schedule", "0 */8 * * *", sensors.each_time, time_zone=_UTC)],
            max_duration=timedelta(minutes=10),
            deadline=timedelta(minutes=3),
            **common,
        ),
        job(
            id="TRD_004",
            name="portfolio-snapshot",
            title=N_("Take portfolio snapshots"),
            description=N_("Values every player at the hour, checks the ledger and makes the leaderboard."),
            plan=jobs.plan_snapshots,
            parameters=jobs.SnapshotParameters,
            runs=[Run(jobs.SNAPSHOTS, _HOURS)],
            dry_run=dry_runs.snapshots,
            schedules=[Schedule(f"{jobs.SNAPSHOTS}_schedule", "0 * * * *", sensors.missing_hours, time_zone=_UTC)],
            critical=True,
            max_duration=2 * _HOUR,
            deadline=_FIVE_MINUTES,
            **common,
        ),
        job(
            id="TRD_005",
            name="snapshot-retention",
            title=N_("Thin old snapshots"),
            description=N_("Keeps one snapshot in three hours after 30 days, one a day after 90."),
            plan=jobs.plan_retention,
            runs=[Run(jobs.RETENTION, [assets.snapshot_retention])],
            dry_run=dry_runs.thinning,
            schedules=[Schedule(f"{jobs.RETENTION}_schedule", "0 1 * * 0", sensors.missing_weeks, time_zone=_UTC)],
            max_duration=2 * _HOUR,
            deadline=_HOUR,
            **common,
        ),
        job(
            id="TRD_006",
            name="initial-distribution",
            title=N_("Distribute initial portfolios"),
            description=N_("Gives what everybody starts with to players who have not got it yet, once each."),
            plan=jobs.plan_distribution,
            parameters=jobs.DistributionParameters,
            runs=[Run(jobs.DISTRIBUTION, [assets.initial_distribution])],
            dry_run=dry_runs.distribution,
            **common,
        ),
    )


DAGSTER: Final = DagsterRoom("trading", TradingResource, build_jobs)

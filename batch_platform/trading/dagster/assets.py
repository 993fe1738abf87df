"""The assets of hours, days, weeks and campaigns: each calls one use case per partition and tells what it did."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import partial
from typing import Any

import dagster as dg

from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.kit import assets
from batch_platform.kit.assets import Metadata, each_partition
from batch_platform.resources.failures import dagster_failures
from batch_platform.trading.dagster import run_metadata
from batch_platform.trading.dagster.checks import SNAPSHOT_CHECKS, SNAPSHOTS, results
from batch_platform.trading.dagster.partitions import (
    DAYS,
    EACH_CAMPAIGN,
    HOURS,
    SUNDAYS,
    campaigns,
    days,
    instants,
)
from batch_platform.trading.dagster.resource import TradingResource
from batch_platform.trading.service import TradingContext, invariants, recurring, registration, retention

asset = partial(assets.asset, "trading", kinds={"postgres"})


@asset(days, partitions_def=DAYS)
def interest_index(trading_context: TradingContext, day: date) -> Metadata:
    """Percent a year, summed up over all days of staking (trading.interest_index): the rate of each UTC day that has
    ended, the days before it first."""
    recurring.accrue_day(trading_context, day)
    return run_metadata.of_interest(trading_context, day)


@asset(days, partitions_def=DAYS, deps=[interest_index])
def lst_rates(trading_context: TradingContext, day: date) -> Metadata:
    """What liquid staking tokens are worth in what is staked (trading.lst_rates), written in the same step as the
    interest index of the day."""
    return run_metadata.of_lst_rates(trading_context, day)


@dg.asset(
    key=SNAPSHOTS,
    kinds={"postgres"},
    backfill_policy=dg.BackfillPolicy.single_run(),
    partitions_def=HOURS,
    check_specs=SNAPSHOT_CHECKS,
    description="Every player of a live campaign valued at the hour (trading.portfolio_snapshots), or why he could "
    "not be (trading.incomplete_snapshots), from facts up to it alone: taken late or again the rows are the same.",
)
def portfolio_snapshots(context: dg.AssetExecutionContext, trading: TradingResource) -> Iterator[Any]:
    taken: list[tuple[str, datetime]] = []

    def take(hour: datetime) -> Metadata:
        by_campaign = recurring.take_hour(trading_context, hour)
        taken.extend((name, snapshots.at) for name, snapshots in by_campaign.items())
        return run_metadata.of_snapshots(by_campaign)

    with trading.open_context() as trading_context:
        each_partition(context, instants(context), take, asset=SNAPSHOTS)
        with dagster_failures(context, STANDARD_RETRY):
            ledger = invariants.of_each(trading_context, invariants.ledger)
            valued = [(name, invariants.valued(trading_context, name, at)) for name, at in taken]
    yield dg.MaterializeResult()
    yield from results(SNAPSHOT_CHECKS, [*ledger, *valued])


@asset(instants, partitions_def=HOURS, deps=[portfolio_snapshots])
def leaderboard(trading_context: TradingContext, hour: datetime) -> Metadata:
    """Ranks at the hour by profit in percent, then in USD, and who is not ranked and why."""
    return run_metadata.of_board(*recurring.boards_of_hour(trading_context, hour))


@asset(days, partitions_def=SUNDAYS, deps=[portfolio_snapshots])
def snapshot_retention(trading_context: TradingContext, sunday: date) -> Metadata:
    """Snapshots thinned as of a Sunday: of each player one in three hours once they are 30 days old, one a day after
    90. Weeks may be skipped, repeated or done at once: the same rows stay."""
    return run_metadata.of_thinning(retention.prune(trading_context, sunday, kind="live"))


@asset(campaigns, partitions_def=EACH_CAMPAIGN)
def initial_distribution(trading_context: TradingContext, campaign: str) -> Metadata:
    """What everybody starts with, for the players of a campaign who have not been given it: once each."""
    return {"dagster/row_count": registration.distribute(trading_context, campaign)}

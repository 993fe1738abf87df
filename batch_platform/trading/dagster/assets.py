"""The assets of hours, days, weeks and campaigns: each calls one use case per partition and tells what it did."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import partial
from typing import Any, Final

import dagster as dg

from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.kit.assets import Metadata, each_partition
from batch_platform.resources.failures import dagster_failures
from batch_platform.trading.dagster import run_metadata
from batch_platform.trading.dagster.checks import SNAPSHOT_CHECKS, results
from batch_platform.trading.dagster.partitions import DAYS, EACH_CAMPAIGN, HOURS, SUNDAYS, days, instants
from batch_platform.trading.dagster.resource import TradingResource
from batch_platform.trading.service import invariants, recurring, registration, retention

IN_ONE_RUN: Final = dg.BackfillPolicy.single_run()

asset = partial(dg.asset, key_prefix="trading", group_name="trading", kinds={"postgres"}, backfill_policy=IN_ONE_RUN)


@asset(
    partitions_def=DAYS,
    description="Percent a year, summed up over all days of staking (trading.interest_index): the rate of each UTC "
    "day that has ended, the days before it first.",
)
def interest_index(context: dg.AssetExecutionContext, trading: TradingResource) -> None:
    def accrue(day: date) -> Metadata:
        recurring.accrue_day(work, day)
        return run_metadata.of_interest(work, day)

    with trading.work() as work:
        each_partition(context, days(context), accrue, asset=interest_index.key)


@asset(
    partitions_def=DAYS,
    deps=[interest_index],
    description="What liquid staking tokens are worth in what is staked (trading.lst_rates), written in the same "
    "step as the interest index of the day.",
)
def lst_rates(context: dg.AssetExecutionContext, trading: TradingResource) -> None:
    with trading.work() as work:
        each_partition(context, days(context), partial(run_metadata.of_lst_rates, work), asset=lst_rates.key)


@asset(
    partitions_def=HOURS,
    check_specs=SNAPSHOT_CHECKS,
    description="Every player of a live campaign valued at the hour (trading.portfolio_snapshots), or why he could "
    "not be (trading.incomplete_snapshots), from facts up to it alone: taken late or again the rows are the same.",
)
def portfolio_snapshots(context: dg.AssetExecutionContext, trading: TradingResource) -> Iterator[Any]:
    taken: list[tuple[str, datetime]] = []

    def take(hour: datetime) -> Metadata:
        campaigns = recurring.take_hour(work, hour)
        taken.extend((name, one.at) for name, one in campaigns.items())
        return run_metadata.of_snapshots(campaigns)

    with trading.work() as work:
        each_partition(context, instants(context), take, asset=portfolio_snapshots.key)
        with dagster_failures(context, STANDARD_RETRY):
            ledger = invariants.of_each(work, invariants.ledger)
            valued = [(name, invariants.valued(work, name, at)) for name, at in taken]
    yield dg.MaterializeResult()
    yield from results(SNAPSHOT_CHECKS, [*ledger, *valued])


@asset(
    partitions_def=HOURS,
    deps=[portfolio_snapshots],
    description="Ranks at the hour by profit in percent, then in USD, and who is not ranked and why.",
)
def leaderboard(context: dg.AssetExecutionContext, trading: TradingResource) -> None:
    def show(hour: datetime) -> Metadata:
        return run_metadata.of_board(*recurring.boards_of_hour(work, hour))

    with trading.work() as work:
        each_partition(context, instants(context), show, asset=leaderboard.key)


@asset(
    partitions_def=SUNDAYS,
    deps=[portfolio_snapshots],
    description="Snapshots thinned as of a Sunday: of each player one in three hours once they are 30 days old, "
    "one a day after 90. Weeks may be skipped, repeated or done at once: the same rows stay.",
)
def snapshot_retention(context: dg.AssetExecutionContext, trading: TradingResource) -> None:
    def thin(sunday: date) -> Metadata:
        return run_metadata.of_thinning(retention.prune(work, sunday, kind="live"))

    with trading.work() as work:
        each_partition(context, days(context), thin, asset=snapshot_retention.key)


@asset(
    partitions_def=EACH_CAMPAIGN,
    description="What everybody starts with, for the players of a campaign who have not been given it: once each.",
)
def initial_distribution(context: dg.AssetExecutionContext, trading: TradingResource) -> None:
    def distribute(campaign: str) -> Metadata:
        return {"dagster/row_count": registration.distribute(work, campaign)}

    with trading.work() as work:
        each_partition(
            context,
            [(key, key) for key in sorted(map(str, context.partition_keys))],
            distribute,
            asset=initial_distribution.key,
        )

"""The assets of ten minutes: one tick, and all that follows from it; and the rates of perpetual futures."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import dagster as dg

from batch_platform.core.failures import TransientFailure
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.kit import assets
from batch_platform.kit.assets import Metadata, each_partition
from batch_platform.resources.failures import dagster_failures
from batch_platform.trading.cadence import WINDOW
from batch_platform.trading.dagster import run_metadata
from batch_platform.trading.dagster.checks import FUNDING_CHECKS, PRICE_CHECKS, PRICES, results
from batch_platform.trading.dagster.partitions import WINDOWS, instants
from batch_platform.trading.dagster.resource import TradingResource
from batch_platform.trading.service import TradingContext, invariants, scheduled

Windows = Sequence[tuple[str, datetime]]

asset = partial(assets.asset, "trading", instants, kinds={"postgres"}, partitions_def=WINDOWS)


def _index(trading_context: TradingContext, windows: Windows) -> Iterator[dg.AssetCheckResult]:
    since, until = _span(windows)
    return results(
        FUNDING_CHECKS, invariants.of_each(trading_context, partial(invariants.index, since=since, until=until))
    )


def _span(windows: Windows) -> tuple[datetime, datetime]:
    """All of these ten minutes, without the end."""
    (_, first), (_, last) = windows[0], windows[-1]
    return first, last + WINDOW


@dg.asset(
    key=PRICES,
    kinds={"postgres"},
    partitions_def=WINDOWS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=PRICE_CHECKS,
    description="The scheduled tick of ten minutes (trading.price_ticks), and in the same transaction all that "
    "follows: the funding index, flows, liquidations, fills. Ten minutes that pass without a tick stay without.",
)
def price_ticks(context: dg.AssetExecutionContext, trading: TradingResource) -> Iterator[Any]:
    def tick(window: datetime) -> Metadata:
        with trading.sources() as sources:
            outcomes = scheduled.tick_window(trading_context, sources, window)
        if failed := scheduled.failures(outcomes):
            raise TransientFailure("no-tick", "no tick of {failures}", failures=", ".join(failed))
        return run_metadata.of_prices(trading_context, window, outcomes)

    with trading.open_context() as trading_context:
        windows = instants(context)
        each_partition(context, windows, tick, asset=PRICES)
        with dagster_failures(context, STANDARD_RETRY):
            since, until = _span(windows)
            moved = invariants.of_each(trading_context, partial(invariants.moved, since=since, until=until))
    yield dg.MaterializeResult()
    yield from results(PRICE_CHECKS, moved)


@asset(deps=[price_ticks])
def perp_liquidations(trading_context: TradingContext, window: datetime) -> Metadata:
    """Positions that the ticks of ten minutes liquidated (trading.perp_positions), settled with them: by the
    scheduled tick, and by those that orders and looks at a portfolio brought about."""
    return run_metadata.of_liquidations(trading_context, window)


@asset(deps=[price_ticks], check_specs=FUNDING_CHECKS, verify=_index)
def funding_index(trading_context: TradingContext, window: datetime) -> Metadata:
    """The sum of rate, price and seconds over all ticks of a token, in USD seconds (trading.price_ticks.j): what
    every position pays or is paid follows from it."""
    return run_metadata.of_funding_index(trading_context, window)


TICK: Final = (price_ticks, perp_liquidations, funding_index)


@dg.op(description="Asks for the present rates of perpetual futures; where there is none the former holds.")
def fetch_funding_rates(context: dg.OpExecutionContext, trading: TradingResource) -> dg.Output[None]:
    with (
        dagster_failures(context, STANDARD_RETRY),
        trading.open_context() as trading_context,
        trading.sources() as sources,
    ):
        outcomes = scheduled.fetch_funding(trading_context, sources)
        if failed := scheduled.failures(outcomes):
            raise TransientFailure("no-funding-rates", "no funding rates of {failures}", failures=", ".join(failed))
    return dg.Output(None, metadata=run_metadata.of_funding_rates(outcomes))

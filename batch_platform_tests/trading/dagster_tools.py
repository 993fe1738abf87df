"""Trading's assets as Dagster runs them in this process, on the clock and the sources of a test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

import dagster as dg

from batch_platform.domains import load_settings
from batch_platform.operations.model import RANGE_END_TAG, RANGE_START_TAG
from batch_platform.resources import build_resources
from batch_platform.resources.postgres import PostgresResource
from batch_platform.trading.dagster import assets, definitions, prices
from batch_platform.trading.dagster.resource import TradingResource
from batch_platform.trading.service import TradingContext
from batch_platform.trading.sources.fetch import Sources
from batch_platform_tests.trading.market import Traded

DAYS = (assets.interest_index, assets.lst_rates)
HOURS = (assets.portfolio_snapshots, assets.leaderboard)
TICK = prices.TICK


class Staged(TradingResource):
    """The resource, its use cases on the clock and the sources of a test."""

    traded: ClassVar[Traded | None] = None

    @contextmanager
    def open_context(self) -> Iterator[TradingContext]:
        assert self.traded is not None
        yield self.traded.context

    @contextmanager
    def sources(self) -> Iterator[Sources]:
        assert self.traded is not None
        yield self.traded.sources


@cache
def repository() -> dg.RepositoryDefinition:
    settings = load_settings()
    return definitions.DAGSTER.definitions(settings, build_resources(settings)).get_repository_def()


def ran(
    instance: dg.DagsterInstance, selected: Sequence[dg.AssetsDefinition], first: str, last: str | None = None
) -> dg.ExecuteInProcessResult:
    """A run of some assets for one partition, or for a range of them; it may fail."""
    return dg.materialize(
        selected,
        resources={"trading": Staged(postgres=PostgresResource())},
        instance=instance,
        partition_key=first if last is None else None,
        tags=None if last is None else {RANGE_START_TAG: first, RANGE_END_TAG: last},
        raise_on_error=False,
    )


def run_requests(instance: dg.DagsterInstance, schedule: str, at: Any) -> list[dg.RunRequest]:
    """What a schedule asks for at a tick."""
    resources = {"trading": Staged(postgres=PostgresResource()), "postgres": PostgresResource()}
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=at, repository_def=repository(), resources=resources
    ) as context:
        tick = repository().get_schedule_def(schedule).evaluate_tick(context)
    return list(tick.run_requests or [])


def shown(ended: dg.ExecuteInProcessResult, asset: dg.AssetsDefinition) -> list[dict[str, Any]]:
    """The metadata of an asset's materializations, in the order of its partitions."""
    every = [made.metadata for made in ended.asset_materializations_for_node(asset.op.name)]
    return [{name: value.value for name, value in metadata.items()} for metadata in every]


def checks(ended: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {evaluation.check_name: evaluation.passed for evaluation in ended.get_asset_check_evaluations()}

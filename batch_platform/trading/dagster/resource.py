"""Hands the trading context and the sources of prices to assets, sensors and schedules."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from batch_platform.core.clock import utc_now
from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import load_settings
from batch_platform.trading.opening import open_sources
from batch_platform.trading.service import TradingContext
from batch_platform.trading.settings import TradingSettings
from batch_platform.trading.store.source_buckets import database_buckets

if TYPE_CHECKING:
    from batch_platform.trading.sources.fetch import Sources


class TradingResource(dg.ConfigurableResource["TradingResource"]):
    """The trading use cases' context, on the resources of this environment.

    Addresses and keys of the sources are read from the settings, as the commands do.
    """

    postgres: dg.ResourceDependency[PostgresResource]

    @contextmanager
    def open_context(self) -> Iterator[TradingContext]:
        yield TradingContext(self.postgres.pool(), utc_now)

    @contextmanager
    def sources(self) -> "Iterator[Sources]":
        """Where prices and funding rates come from; their turns are shared with all machines."""
        bucket = database_buckets(self.postgres.pool())
        with open_sources(load_settings().of(TradingSettings), bucket=bucket) as sources:
            yield sources

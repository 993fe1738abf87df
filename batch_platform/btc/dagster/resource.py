"""Hands the btc context to assets, sensors and schedules."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from batch_platform.btc.opening import open_context
from batch_platform.btc.service import BtcContext
from batch_platform.resources.postgres import PostgresResource

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool


class BtcResource(dg.ConfigurableResource["BtcResource"]):
    """The btc use cases' context."""

    postgres: dg.ResourceDependency[PostgresResource]

    @contextmanager
    def open_context(self) -> Iterator[BtcContext]:
        yield open_context()

    def pool(self) -> "Pool":
        """The platform's database, which mirrors what people are to be told of batches."""
        return self.postgres.pool()

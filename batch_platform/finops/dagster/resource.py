"""Hands the finops context to assets, sensors and schedules."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from batch_platform.finops.opening import context_on
from batch_platform.finops.service import FinopsContext
from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import load_settings


class FinopsResource(dg.ConfigurableResource["FinopsResource"]):
    """The finops use cases' context, on the connections of the run."""

    postgres: dg.ResourceDependency[PostgresResource]

    @contextmanager
    def open_context(self) -> Iterator[FinopsContext]:
        yield context_on(self.postgres.pool(), load_settings())

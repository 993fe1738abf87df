"""Hands the staffing context to assets, sensors and schedules."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import load_settings
from batch_platform.staffing.opening import build_context
from batch_platform.staffing.service import StaffingContext


class StaffingResource(dg.ConfigurableResource["StaffingResource"]):
    """The staffing use cases' context, on the connections of the run."""

    postgres: dg.ResourceDependency[PostgresResource]

    @contextmanager
    def open_context(self) -> Iterator[StaffingContext]:
        yield build_context(self.postgres.pool(), load_settings())

"""Hands the staffing context to assets, sensors and schedules."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from batch_platform.core.clock import utc_now
from batch_platform.resources.postgres import PostgresResource
from batch_platform.staffing.service import StaffingContext


class StaffingResource(dg.ConfigurableResource["StaffingResource"]):
    """The staffing use cases' context, on the resources of this environment."""

    postgres: dg.ResourceDependency[PostgresResource]

    @contextmanager
    def work(self) -> Iterator[StaffingContext]:
        yield StaffingContext(self.postgres.pool(), utc_now)

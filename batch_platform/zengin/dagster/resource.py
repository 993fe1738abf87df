"""Hands the zengin context to assets, sensors and schedules."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import load_settings
from batch_platform.zengin.opening import context_on, open_context
from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.settings import ZenginSettings


class ZenginResource(dg.ConfigurableResource["ZenginResource"]):
    """The zengin use cases' context, on the connections of the run, or to the bank master's own database."""

    postgres: dg.ResourceDependency[PostgresResource]

    @contextmanager
    def open_context(self) -> Iterator[ZenginContext]:
        settings = load_settings()
        if settings.of(ZenginSettings).database_secret_id is None:
            yield context_on(self.postgres.pool(), settings)
        else:
            with open_context(settings) as context:
                yield context

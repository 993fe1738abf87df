"""Hands the finops context to assets, sensors and schedules, made of the platform's own resources."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import dagster as dg

from batch_platform.finops.service.context import STILL_FOR, FinopsContext, build_context
from batch_platform.resources.aws import S3Resource
from batch_platform.resources.postgres import PostgresResource


class FinopsResource(dg.ConfigurableResource["FinopsResource"]):
    """The finops use cases' context, on the resources of this environment."""

    postgres: dg.ResourceDependency[PostgresResource]
    s3: dg.ResourceDependency[S3Resource]
    still_minutes: int = int(STILL_FOR / timedelta(minutes=1))

    @contextmanager
    def work(self) -> Iterator[FinopsContext]:
        yield build_context(
            pool=self.postgres.pool(),
            lake=self.s3.get_client(),
            lake_bucket=self.s3.lake_bucket,
            settings=self.s3,
            still_for=timedelta(minutes=self.still_minutes),
        )

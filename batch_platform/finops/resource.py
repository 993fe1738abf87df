"""Hands the finops context to assets, sensors and schedules, made of the platform's own resources."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from batch_platform.finops.service.context import FinopsContext, build_context
from batch_platform.resources.aws import S3Resource
from batch_platform.resources.postgres import PostgresResource


class FinopsResource(dg.ConfigurableResource["FinopsResource"]):
    """The finops use cases' context, on the resources of this environment."""

    postgres: dg.ResourceDependency[PostgresResource]
    s3: dg.ResourceDependency[S3Resource]

    @contextmanager
    def work(self) -> Iterator[FinopsContext]:
        yield build_context(
            pool=self.postgres.pool(),
            lake=self.s3.get_client(),
            lake_bucket=self.s3.lake_bucket,
            settings=self.s3,
        )

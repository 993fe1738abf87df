"""Hands the btc context to assets, sensors and schedules, made of the platform's own resources."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg

from batch_platform.btc.opening import options_of
from batch_platform.btc.service.context import BtcContext, build_context
from batch_platform.btc.settings import BtcSettings
from batch_platform.resources.aws import DynamoDBResource, S3Resource
from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import load_settings

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool


class BtcResource(dg.ConfigurableResource["BtcResource"]):
    """The btc use cases' context, on the resources of this environment.

    How batches are planned, approved and written is read from the settings, as the web and the commands do.
    """

    postgres: dg.ResourceDependency[PostgresResource]
    s3: dg.ResourceDependency[S3Resource]
    dynamodb: dg.ResourceDependency[DynamoDBResource]
    env: str
    project: str
    recurring_rate: str | None = None  # percent, of the recurring batch

    @contextmanager
    def work(self) -> Iterator[BtcContext]:
        yield build_context(
            dynamodb=self.dynamodb.get_client(),
            s3=self.s3.get_client(),
            lake_bucket=self.s3.lake_bucket,
            env=self.env,
            project=self.project,
            options=options_of(load_settings().of(BtcSettings)),
        )

    def pool(self) -> "Pool":
        """The platform's database, which mirrors what people are to be told of batches."""
        return self.postgres.pool()

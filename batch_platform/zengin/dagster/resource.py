"""Hands the zengin context to assets, sensors and schedules, made of the platform's own resources."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from batch_platform.resources.aws import DynamoDBResource, S3Resource, SecretsResource
from batch_platform.resources.postgres import PostgresResource
from batch_platform.zengin.service.context import ZenginContext, build_context, database_url

if TYPE_CHECKING:
    from batch_platform.core.postgres import Pool


class ZenginResource(dg.ConfigurableResource["ZenginResource"]):
    """The zengin use cases' context, on the resources of this environment.

    The bank master may have a database of its own: `database_secret_id` names its login in Secrets Manager.
    """

    postgres: dg.ResourceDependency[PostgresResource]
    s3: dg.ResourceDependency[S3Resource]
    dynamodb: dg.ResourceDependency[DynamoDBResource]
    secrets: dg.ResourceDependency[SecretsResource]
    env: str
    database_secret_id: str | None = None
    table: str | None = None  # another than the environment's, in tests

    _pool: "Pool | None" = PrivateAttr(default=None)

    @contextmanager
    def work(self) -> Iterator[ZenginContext]:
        yield build_context(
            pool=self._own_pool() or self.postgres.pool(),
            dynamodb=self.dynamodb.get_client(),
            s3=self.s3.get_client(),
            lake_bucket=self.s3.lake_bucket,
            env=self.env,
            table=self.table,
        )

    def _own_pool(self) -> "Pool | None":
        from batch_platform.core import postgres

        if self.database_secret_id is not None and self._pool is None:
            url = database_url(self.secrets.get_fields(self.database_secret_id))
            self._pool = postgres.open_pool(url, application_name="batch-platform zengin")
        return self._pool

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002 (Dagster's)
        """Close the pool of the run."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

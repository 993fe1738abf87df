"""PostgreSQL as a Dagster resource: one small pool per run."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import PrivateAttr

from batch_platform.settings import load_settings

if TYPE_CHECKING:
    from batch_platform.core.postgres import Connection, Pool


class PostgresResource(dg.ConfigurableResource["PostgresResource"]):
    """The application's database.

    The URL holds a password and is therefore no field: `DATABASE_URL` is read when the first transaction
    begins, and nothing is connected before.
    """

    application_name: str = "batch-platform"
    max_connections: int = 8

    _pool: Pool | None = PrivateAttr(default=None)

    def pool(self) -> Pool:
        """The run's pool, opened on first use; stores take this."""
        from batch_platform.core import postgres

        if self._pool is None:
            self._pool = postgres.open_pool(
                load_settings().database(),
                application_name=self.application_name,
                max_size=self.max_connections,
            )
        return self._pool

    def transaction(self) -> AbstractContextManager[Connection]:
        """One transaction; see `core.postgres.transaction`."""
        from batch_platform.core import postgres

        return postgres.transaction(self.pool())

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:  # noqa: ARG002 (Dagster's)
        """Close the pool when the run ends."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

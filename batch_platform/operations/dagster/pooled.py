"""Dagster's storage in PostgreSQL, its connections kept: `dagster.yaml` names it.

Dagster's own opens a connection for every event it writes or reads: hundreds in a small run, each a login and a new
server process, which is most of what such a run costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import create_pg_engine, get_token_provider_from_config, pg_url_from_config

_KEPT: Final = 3
_RECYCLE_SECONDS: Final = 3_600


class PooledPostgresStorage(DagsterPostgresStorage):
    """Runs, events and schedules on one pool; a connection that the server has dropped is found before its use."""

    def __init__(self, *, token_provider: Any = None, **options: Any) -> None:
        super().__init__(token_provider=token_provider, **options)
        engine = create_pg_engine(
            self.postgres_url,
            token_provider,
            isolation_level="AUTOCOMMIT",
            pool_size=_KEPT,
            max_overflow=-1,
            pool_pre_ping=True,
            pool_recycle=_RECYCLE_SECONDS,
        )
        self._run_storage._engine = engine
        self._event_log_storage._engine = engine
        self._schedule_storage._engine = engine

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledPostgresStorage:
        return cls(
            inst_data=inst_data,
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            token_provider=get_token_provider_from_config(config_value),
        )

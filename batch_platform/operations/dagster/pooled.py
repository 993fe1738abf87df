"""Dagster's storage in PostgreSQL, its connections kept: `dagster.yaml` names it.

Dagster's own opens a connection for every event it writes or reads: hundreds in a small run, each a login and a new
server process, which is most of what such a run costs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import (
    create_pg_engine,
    get_token_provider_from_config,
    pg_url_from_config,
)

if TYPE_CHECKING:
    import dagster as dg

_KEPT: Final = 3
_RECYCLE_SECONDS: Final = 3_600
_STATEMENT: Final = timedelta(seconds=30)


class PooledPostgresStorage(DagsterPostgresStorage):
    """Runs, events and schedules on one pool; a connection that the server has dropped is found before its use."""

    def __init__(self, *, token_provider: Any = None, **options: Any) -> None:
        super().__init__(token_provider=token_provider, **options)
        engine = _engine(self.postgres_url, token_provider, max_overflow=-1)
        _share(engine, self._run_storage, self._event_log_storage, self._schedule_storage)

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


def limit_statements(instance: dg.DagsterInstance, *, longest: timedelta = _STATEMENT, at_most: int = 20) -> None:
    """For a web: no question of it keeps the server busy for longer, and `at_most` are asked beyond those kept.

    Dagster's own `optimize_for_webserver` keeps connections too, but does not look whether they are still good: the
    first question after a restart of the server would fail. Another storage than PostgreSQL stays as it is.
    """
    storages = (instance.run_storage, instance.event_log_storage, instance.schedule_storage)
    url = getattr(storages[0], "postgres_url", None)
    if url is None:
        return
    storage: Any = storages[0]
    limit = f"-c statement_timeout={longest // timedelta(milliseconds=1)}"
    options = " ".join(filter(None, [storage._engine.url.query.get("options"), limit]))
    engine = _engine(url, storage._token_provider, max_overflow=at_most, connect_args={"options": options})
    _share(engine, *storages)


def _engine(url: str, token_provider: Any, **options: Any) -> Any:
    return create_pg_engine(
        url,
        token_provider,
        isolation_level="AUTOCOMMIT",
        pool_size=_KEPT,
        pool_pre_ping=True,
        pool_recycle=_RECYCLE_SECONDS,
        **options,
    )


def _share(engine: Any, *storages: Any) -> None:
    for storage in storages:
        storage._engine = engine

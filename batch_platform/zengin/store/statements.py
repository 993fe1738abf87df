"""What every part of the Postgres store is made of: the statements of `sql/`, run by name in one transaction."""

from __future__ import annotations

import polars as pl
from psycopg import sql

from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession


class ZenginStatements(BaseSession):
    """Runs the statements of zengin."""

    _sql = load("batch_platform.zengin.sql")

    def _copy_temporary(self, table: str, frame: pl.DataFrame) -> None:
        """Into a temporary table that a statement has made."""
        self._copy(sql.Identifier("pg_temp", table), frame)

"""What every part of the Postgres store is made of: named statements in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import polars as pl
from psycopg import sql
from psycopg.rows import dict_row

from batch_platform.core import postgres
from batch_platform.core.sql import load

_SQL: Final = load("batch_platform.zengin.sql")


class Statements:
    """Runs statements of `sql/` by name on one connection, inside its transaction."""

    def __init__(self, connection: postgres.Connection) -> None:
        self.connection = connection

    def _rows(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_SQL[name], parameters).fetchall()

    def _run(self, name: str, /, **parameters: Any) -> int:
        return self.connection.execute(_SQL[name], parameters).rowcount

    def _frame(self, name: str, schema: Mapping[str, pl.DataType], /, **parameters: Any) -> pl.DataFrame:
        with self.connection.cursor() as cursor:
            return postgres.fetch_frame(cursor, _SQL[name], parameters, schema)

    def _copy(self, table: str, frame: pl.DataFrame, /) -> None:
        """Into a temporary table that a statement has made."""
        with self.connection.cursor() as cursor:
            postgres.copy_frame(cursor, sql.Identifier("pg_temp", table), frame)

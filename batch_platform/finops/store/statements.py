"""What every part of the store is made of: the statements of `sql/`, run by name in one transaction."""

from __future__ import annotations

from typing import Any

import polars as pl
from psycopg import sql

from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession


class FinopsStatements(BaseSession):
    """Runs the statements of finops."""

    _sql = load("batch_platform.finops.sql")

    def _append(self, table: str, frame: pl.DataFrame, /, **constants: Any) -> None:
        """The frame's rows, each with the same constants in front."""
        full = frame.select(*(pl.lit(value).alias(name) for name, value in constants.items()), pl.all())
        self._copy(sql.Identifier("finops", table), full)

"""Reads of coroutines, on a connection of their own: no thread takes part, which a busy event loop keeps waiting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL

from batch_platform.core import postgres


class AsyncReads:
    """One connection to the server of a pool, made when it is needed; each statement sees what is committed by then.

    Fails as `postgres.transaction` does. The owner closes it.
    """

    def __init__(self, pool: postgres.Pool) -> None:
        self._parameters = postgres.parameters_of(pool)
        self._connection: psycopg.AsyncConnection[DictRow] | None = None

    async def rows(self, query: SQL, parameters: Mapping[str, Any]) -> list[DictRow]:
        """The rows of a query, by name of column."""
        with postgres.failures(self._parameters):
            connection = self._connection
            if connection is not None and not connection.closed:
                try:
                    return await _rows(connection, query, parameters)
                except psycopg.OperationalError:
                    if not connection.closed:
                        raise
                    # the server has been restarted since: what only reads can be asked again
            self._connection = connection = await self._connect()
            return await _rows(connection, query, parameters)

    def close(self) -> None:
        """At once; no query may be under way."""
        if self._connection is not None:
            self._connection.pgconn.finish()

    async def _connect(self) -> psycopg.AsyncConnection[DictRow]:
        connection = await psycopg.AsyncConnection.connect(**self._parameters, autocommit=True, row_factory=dict_row)
        await connection.execute(postgres.SESSION)
        return connection


async def _rows(
    connection: psycopg.AsyncConnection[DictRow], query: SQL, parameters: Mapping[str, Any]
) -> list[DictRow]:
    cursor = await connection.execute(query, parameters)
    return await cursor.fetchall()

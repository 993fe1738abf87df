"""What every store is made of: a session that runs named statements, and the transactions it lives in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from psycopg import sql
from psycopg.rows import dict_row

from batch_platform.core import postgres
from batch_platform.core.async_reads import AsyncReads
from batch_platform.core.sql import Statements

if TYPE_CHECKING:
    import polars


class BaseSession:
    """The statements of one transaction; `connection` lets others, such as the audit log, write in it too."""

    _sql: ClassVar[Statements]

    def __init__(self, connection: postgres.Connection) -> None:
        self.connection = connection

    def _rows(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(self._sql[name], parameters).fetchall()

    def _run(self, name: str, /, **parameters: Any) -> int:
        return self.connection.execute(self._sql[name], parameters).rowcount

    def _value(self, name: str, /, **parameters: Any) -> Any:
        """The one value of a statement that gives one row of one column."""
        [[value]] = self.connection.execute(self._sql[name], parameters).fetchall()
        return value

    def _frame(self, name: str, schema: Mapping[str, polars.DataType], /, **parameters: Any) -> polars.DataFrame:
        with self.connection.cursor() as cursor:
            return postgres.fetch_frame(cursor, self._sql[name], parameters, schema)

    def _copy(self, table: sql.Identifier, frame: polars.DataFrame) -> None:
        """Append a frame to a table, columns by name."""
        with self.connection.cursor() as cursor:
            postgres.copy_frame(cursor, table, frame)


S = TypeVar("S", bound=BaseSession)


class BaseStore(Generic[S]):
    """Opens transactions on the tables of one schema; who has coroutines read from it closes it."""

    _session: type[S]

    def __init__(self, pool: postgres.Pool) -> None:
        self._pool = pool
        self._reads = AsyncReads(pool)

    def close(self) -> None:
        """Close the connection on which coroutines read; the pool is its owner's."""
        self._reads.close()

    @contextmanager
    def transaction(self) -> Iterator[S]:
        """One transaction: committed at the end, rolled back by any exception."""
        with postgres.transaction(self._pool) as connection:
            yield self._session(connection)

    @contextmanager
    def autocommit(self) -> Iterator[S]:
        """Each statement by itself, committed by the server: a worker paused between two keeps no row from others."""
        with postgres.autocommit(self._pool) as connection:
            yield self._session(connection)

    @contextmanager
    def snapshot(self) -> Iterator[S]:
        """One moment: all its statements see the same rows, and none may write."""
        with postgres.transaction(self._pool) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield self._session(connection)

    async def _rows(self, name: str, /, **parameters: Any) -> list[dict[str, Any]]:
        """The rows of one statement that reads, as it were a transaction of its own."""
        return await self._reads.rows(self._session._sql[name], parameters)

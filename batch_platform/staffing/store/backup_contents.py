"""What a database holds, read so that two databases can be compared: sums of tables, sequences, definitions."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from batch_platform.core import postgres
from batch_platform.core.failures import TransientFailure
from batch_platform.core.progress import report
from batch_platform.core.sql import load
from batch_platform.staffing.model import DatabaseContents, SequenceState, TableSum

_SQL: Final = load("batch_platform.staffing.sql")
_APPLICATION: Final = "batch-platform backup"
# values are written alike whatever the server's and the role's own settings are, and a snapshot lasts as long as the
# dump that reads under it
_SESSION: Final = (
    b"SELECT set_config(name, value, false) FROM (VALUES ('search_path', 'pg_catalog'), ('DateStyle', 'ISO, YMD'), "
    b"('TimeZone', 'UTC'), ('IntervalStyle', 'postgres'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), "
    b"('lc_monetary', 'C'), ('idle_in_transaction_session_timeout', '0'), ('statement_timeout', '0')) "
    b"AS setting (name, value)"
)
_READERS: Final = 2


class Snapshot:
    """One moment of a database; `name` lets other sessions and programs see the same."""

    def __init__(self, connection: postgres.Connection) -> None:
        self._connection = connection
        [[name]] = connection.execute("SELECT pg_export_snapshot()").fetchall()
        self.name: str = name

    def tables(self) -> list[str]:
        """Qualified and quoted names, the largest first."""
        return [row["name"] for row in self._rows("backup_tables")]

    def table_sum(self, table: str) -> TableSum:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            # the name comes quoted from the catalogue
            statement = _SQL["backup_table_sum"].format(table=sql.SQL(table))
            [row] = cursor.execute(statement).fetchall()
        return TableSum(**row)

    def contents(self) -> DatabaseContents:
        """All of it; reports each table."""
        sums = {}
        for table in self.tables():
            report(f"reading {table}")
            sums[table] = self.table_sum(table)
        return DatabaseContents(sums, self.sequences(), self.schema())

    def sequences(self) -> dict[str, SequenceState]:
        return {row["name"]: SequenceState(row["last"], row["step"]) for row in self._rows("backup_sequences")}

    def schema(self) -> dict[str, str]:
        """A digest of each object's definition."""
        return {row["name"]: row["digest"] for row in self._rows("backup_schema")}

    def server_version(self) -> str:
        [[version]] = self._connection.execute("SHOW server_version").fetchall()
        return str(version)

    def database(self) -> str:
        [[name]] = self._connection.execute("SELECT current_database()").fetchall()
        return str(name)

    def migration(self) -> str | None:
        """The newest migration; None in a database that is not the platform's."""
        try:
            with self._connection.transaction():
                rows = self._rows("backup_migration")
        except psycopg.errors.UndefinedTable:
            return None
        return rows[0]["version_num"] if rows else None

    def value(self, statement: str, *parameters: Any) -> Any:
        """The first value of a statement of one's own; None without a row."""
        row = self._connection.execute(statement.encode(), parameters).fetchone()
        return None if row is None else row[0]

    def _rows(self, name: str) -> list[dict[str, Any]]:
        with self._connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(_SQL[name], {}).fetchall()


@contextmanager
def snapshot(database_url: str, *, of: str | None = None) -> Iterator[Snapshot]:
    """A moment of a database, on a connection of its own; `of` names one that another session has exported.

    Raises `TransientFailure` for what the server refuses meanwhile, such as a table that is just dropped.
    """
    connection = postgres.connect(database_url, application_name=_APPLICATION)
    try:
        connection.execute(_SESSION)
        connection.commit()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        if of is not None:
            connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(of)))
        yield Snapshot(connection)
    except psycopg.Error as error:
        raise TransientFailure(
            "backup-not-readable",
            "the database could not be read: {reason}",
            reason=str(error.diag.message_primary or type(error).__name__),
        ) from error
    finally:
        connection.close()


def contents(database_url: str) -> DatabaseContents:
    """What a database that nobody writes to holds, its tables read by two sessions."""
    with snapshot(database_url) as first, ThreadPoolExecutor(_READERS, thread_name_prefix="sums") as readers:
        tables = first.tables()
        parts = [
            readers.submit(_sums, database_url, first.name, tables[place::_READERS]) for place in range(_READERS)
        ]
        sums = {name: total for part in parts for name, total in part.result().items()}
        return DatabaseContents(sums, first.sequences(), first.schema())


def is_empty(database_url: str) -> bool:
    """Whether a database holds nothing but what every new one has."""
    with snapshot(database_url) as looked:
        return bool(looked._rows("backup_is_empty")[0]["empty"])


def analyze(database_url: str) -> None:
    """A restored database has no statistics."""
    with _by_itself(database_url) as connection:
        connection.execute("ANALYZE")


def check_indexes(database_url: str) -> str:
    """What amcheck says, where the server has it. Raises `psycopg.Error` for a damaged index."""
    with _by_itself(database_url) as connection, connection.cursor(row_factory=dict_row) as cursor:
        [row] = cursor.execute(_SQL["backup_amcheck_there"], {}).fetchall()
        if not row["there"]:
            return "not run: this server has no amcheck"
        cursor.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
        [row] = cursor.execute(_SQL["backup_check_indexes"], {}).fetchall()
        return f"{row['checked']} indexes in order"


@contextmanager
def _by_itself(database_url: str) -> Iterator[postgres.Connection]:
    connection = postgres.connect(database_url, application_name=_APPLICATION)
    try:
        connection.autocommit = True
        yield connection
    finally:
        connection.close()


def _sums(database_url: str, of: str, tables: list[str]) -> dict[str, TableSum]:
    with snapshot(database_url, of=of) as looked:
        return {table: looked.table_sum(table) for table in tables}

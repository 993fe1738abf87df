"""PostgreSQL by psycopg 3: one small pool per process, transactions, and frames in and out to the last digit.

Connection failures come out as `TransientFailure` (server away, restarted, deadlock) or `PermanentFailure`
(login refused, tables not made yet), never with a password in their text. Other database errors are bugs or
constraints that the store interprets: they pass unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import psycopg
import psycopg.conninfo
from psycopg import sql
from psycopg_pool import ConnectionPool, PoolTimeout

from batch_platform.core.connections import Connection as Connection
from batch_platform.core.connections import Cursor as Cursor
from batch_platform.core.connections import Pool as Pool
from batch_platform.core.failures import InvalidInput, PermanentFailure, PlatformError, TransientFailure

if TYPE_CHECKING:
    import polars
    from psycopg.abc import QueryNoTemplate

_CONNECT_SECONDS = 10
# a process that is paused inside a transaction would keep its locks as long as the machine runs
SESSION = (
    b"SELECT set_config('TimeZone', 'UTC', false), set_config('lock_timeout', '60s', false), "
    b"set_config('idle_in_transaction_session_timeout', '5min', false)"
)
_KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
_COPY_ROWS = 50_000

# lost or refused, stopped within a transaction, out of resources, serialisation or deadlock, server stopping,
# cancelled, lock timeout
_PASSING = ("08", "25P03", "53", "40", "57P", "57014", "55P03")
_LOGIN = ("28",)
_DISK_FULL = "53100"


def connect(database_url: str, *, application_name: str) -> Connection:
    """A connection of one's own, in UTC; the caller closes it."""
    parameters = _parameters(database_url, application_name)
    with failures(parameters):
        connection = psycopg.connect(**parameters)
        _configure(connection)
        return connection


def open_pool(
    database_url: str,
    *,
    application_name: str,
    min_size: int = 0,
    max_size: int = 8,
    timeout: float = 30.0,
) -> Pool:
    """A pool for this process: connections are made on demand, checked before use, in UTC.

    `timeout` is how many seconds a caller waits for a free connection. Nothing is connected yet: the first
    `transaction` says whether the server answers. The caller closes the pool.
    """
    return ConnectionPool(
        kwargs=_parameters(database_url, application_name),
        min_size=min_size,
        max_size=max_size,
        timeout=timeout,
        reconnect_timeout=timeout,
        configure=_configure,
        check=ConnectionPool.check_connection,
        name=application_name,
        open=True,
    )


@contextmanager
def transaction(pool: Pool) -> Iterator[Connection]:
    """One transaction on a pooled connection: committed at the end, rolled back by any exception."""
    with _lent(pool) as connection, connection.transaction():
        yield connection


@contextmanager
def autocommit(pool: Pool) -> Iterator[Connection]:
    """A pooled connection whose every statement the server commits itself.

    A process that is paused between two statements keeps no row from others, as it would inside a transaction.
    """
    with _lent(pool) as connection:
        connection.autocommit = True
        try:
            yield connection
        finally:
            if not connection.closed:
                connection.autocommit = False


@contextmanager
def own(pool: Pool) -> Iterator[Connection]:
    """A connection beside the pool's, for what is to go with it: temporary tables, settings; closed at the end.

    The server commits its every statement itself.
    """
    parameters = parameters_of(pool)
    with failures(parameters), psycopg.connect(**parameters, autocommit=True) as connection:
        connection.execute(SESSION)
        yield connection


@contextmanager
def _lent(pool: Pool) -> Iterator[Connection]:
    parameters = parameters_of(pool)
    with failures(parameters):
        try:
            connection = pool.getconn()
        except PoolTimeout:
            # the pool does not say why: a connection of our own does
            psycopg.connect(**parameters).close()
            raise TransientFailure(
                "database-connections-busy",
                "all {count} connections to PostgreSQL were busy for {seconds} s",
                count=pool.max_size,
                seconds=f"{pool.timeout:g}",
            ) from None
        try:
            yield connection
        finally:
            pool.putconn(connection)


def parameters_of(pool: Pool) -> dict[str, Any]:
    """What its connections are made with."""
    return dict(pool.kwargs) if isinstance(pool.kwargs, Mapping) else {}


def is_lost(error: Exception) -> bool:
    """Whether SQLAlchemy, by which Dagster reads its storage, says that the connection or its server is gone."""
    from sqlalchemy.exc import DBAPIError, OperationalError

    return isinstance(error, OperationalError) or (isinstance(error, DBAPIError) and error.connection_invalidated)


def copy_frame(cursor: Cursor, table: sql.Composable, frame: polars.DataFrame) -> int:
    """Append a frame to a table by COPY, columns by name, and return the number of rows.

    Decimals are written digit by digit, NULL and the empty string stay apart, timestamps must be aware.
    Floats are refused with `TypeError`: they cannot carry money.
    """
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in frame.columns)
    text = frame.select(_as_text(name, dtype) for name, dtype in frame.schema.items())
    with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(table, columns)) as copy:
        for part in text.iter_slices(_COPY_ROWS):
            buffer = BytesIO()
            part.write_csv(buffer, include_header=False, separator="\t", quote_style="never", null_value=r"\N")
            copy.write(buffer.getbuffer())
    return frame.height


def fetch_frame(
    cursor: Cursor,
    query: QueryNoTemplate,
    params: Sequence[Any] | Mapping[str, Any] | None,
    schema: Mapping[str, polars.DataType | type[polars.DataType]],
) -> polars.DataFrame:
    """Run a query and return its rows as a frame of exactly this schema.

    Numerics never pass through a float: a value with more digits than its column's scale is a `ValueError`
    that names the column, and so are result columns other than the schema's.
    """
    import polars as pl
    from psycopg.types.string import TextLoader

    with cursor.connection.cursor() as exact:
        exact.adapters.register_loader("numeric", TextLoader)
        exact.execute(query, params)
        names = [column.name for column in exact.description or ()]
        if names != list(schema):
            raise ValueError(f"the query returns the columns {names}, not {list(schema)}")
        rows = exact.fetchall()
    values = zip(*rows, strict=True) if rows else ((),) * len(names)
    return pl.DataFrame([_series(name, column, schema[name]) for name, column in zip(names, values, strict=True)])


def _series(name: str, values: Sequence[Any], dtype: polars.DataType | type[polars.DataType]) -> polars.Series:
    import polars as pl

    if not (isinstance(dtype, pl.Decimal) or dtype.is_integer()):
        return pl.Series(name, values, dtype=dtype, strict=True)
    # numerics arrive as their digits, integers as int
    text = pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)
    scale = dtype.scale if isinstance(dtype, pl.Decimal) else 0
    if text.str.contains(rf"\.\d{{{scale}}}\d*[1-9]").any():
        raise ValueError(f"column {name} holds a number with more than {scale} decimals")
    if isinstance(dtype, pl.Decimal):
        return text.cast(dtype, strict=True)
    return text.str.replace(r"\.0*$", "").cast(dtype, strict=True)


def _as_text(name: str, dtype: polars.DataType) -> polars.Expr:
    """A column as COPY's text format wants it; NULLs stay NULL."""
    import polars as pl

    column = pl.col(name)
    if isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        escaped = column.cast(pl.String)
        for character, written in (("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r")):
            escaped = escaped.str.replace_all(character, written, literal=True)
        return escaped
    if isinstance(dtype, pl.Datetime):
        if dtype.time_zone is None:
            raise TypeError(f"column {name} holds timestamps without a time zone")
        return column.dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00")
    if isinstance(dtype, pl.Decimal | pl.Boolean | pl.Date) or dtype.is_integer():
        return column
    raise TypeError(f"column {name} of type {dtype} has no exact text form")


def _parameters(database_url: str, application_name: str) -> dict[str, Any]:
    plain = re.sub(r"^postgresql\+\w+://", "postgresql://", database_url)  # Dagster's URL names SQLAlchemy's driver
    try:
        given = psycopg.conninfo.conninfo_to_dict(plain)
    except psycopg.ProgrammingError:  # its text quotes the URL
        raise InvalidInput("no-database-url", "the database URL is not a PostgreSQL connection string") from None
    server = f"{given.get('host', '')}{given.get('dbname', '')}"
    if "@" in server or not re.fullmatch(r"[\d,]*", str(given.get("port") or "")):
        raise InvalidInput(
            "database-password-unescaped",
            "the database URL's password holds an @, : or /: write it as %40, %3A or %2F",
        )
    defaults: dict[str, Any] = {"connect_timeout": _CONNECT_SECONDS, **_KEEPALIVE}
    return {**defaults, **given, "application_name": application_name}


def _configure(connection: Connection) -> None:
    connection.execute(SESSION)
    connection.commit()


@contextmanager
def failures(parameters: Mapping[str, Any]) -> Iterator[None]:
    """Turn failures that are not the query's into one sentence, which hides the password."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        raise PermanentFailure(
            "tables-missing",
            "the database lacks tables of this version ({reason}): make them by batch-platform provision, "
            "outside the local environment by the release's migrations",
            reason=str(error.diag.message_primary),
        ) from None
    except (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout) as error:
        failure = _failure(error, parameters)
        if failure is None:
            raise
        raise failure from None


def failure_of_server(error: BaseException) -> PlatformError | None:
    """The failure that psycopg's error is, of a server that need not be named; None for one that is the query's."""
    if isinstance(error, psycopg.OperationalError | psycopg.errors.IdleInTransactionSessionTimeout):
        return _failure(error, {})
    return None


def _failure(error: psycopg.Error, parameters: Mapping[str, Any]) -> PlatformError | None:
    port = f":{parameters['port']}" if parameters.get("port") else ""
    server = f"PostgreSQL at {parameters.get('host') or 'localhost'}{port}"
    reason = " ".join(str(error).split())
    if password := parameters.get("password"):
        reason = reason.replace(password, "***")
    state = error.sqlstate or ""
    if state.startswith(_LOGIN) or "authentication failed" in reason:
        return PermanentFailure(
            "database-login-refused", "{server} refuses the login: {reason}", server=server, reason=reason
        )
    if state == _DISK_FULL:
        return TransientFailure("database-disk-full", "{server}: its disk is full", server=server)
    if not state or state.startswith(_PASSING):
        return TransientFailure("database-failed", "{server} failed: {reason}", server=server, reason=reason)
    return None

"""Frames through a real PostgreSQL and back, pools, and failures that keep their secrets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import polars as pl
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from batch_platform.core import postgres
from batch_platform.core.failures import InvalidInput, PermanentFailure, TransientFailure
from batch_platform.settings import Settings
from batch_platform_tests.waiting import PATIENCE

PASSWORD = "hunter2-geheim"
TABLE = sql.Identifier("frames")
SCHEMA = {
    "amount": pl.Decimal(38, 12),
    "label": pl.String(),
    "day": pl.Date(),
    "moment": pl.Datetime("us", "UTC"),
    "flag": pl.Boolean(),
    "count": pl.Int64(),
}

UNITS = 10**38 - 1
ROW = st.fixed_dictionaries(
    {
        "amount": st.none() | st.integers(-UNITS, UNITS).map(lambda units: Decimal(units).scaleb(-12)),
        "label": st.none()
        | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
        | st.text("\\\t\n\r\"',N.\b\v é日", max_size=8),
        "day": st.none() | st.dates(),
        "moment": st.none() | st.datetimes(timezones=st.just(UTC), min_value=datetime(1, 1, 2)),  # noqa: DTZ001
        "flag": st.none() | st.booleans(),
        "count": st.none() | st.integers(-(2**63), 2**63 - 1),
    }
)


@pytest.fixture
def cursor(connection: postgres.Connection) -> postgres.Cursor:
    connection.execute(
        "CREATE TEMPORARY TABLE frames (position integer GENERATED ALWAYS AS IDENTITY, amount numeric(38,12), "
        'label text, day date, moment timestamptz, flag boolean, "count" bigint)'
    )
    return connection.cursor()


def stored(cursor: postgres.Cursor) -> pl.DataFrame:
    query = b'SELECT amount, label, day, moment, flag, "count" FROM frames ORDER BY position'
    return postgres.fetch_frame(cursor, query, None, SCHEMA)


@given(rows=st.lists(ROW, max_size=20))
@effort(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_frame_comes_back_as_it_went(cursor: postgres.Cursor, rows: list[dict[str, object]]) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA)
    cursor.execute("TRUNCATE frames")
    assert postgres.copy_frame(cursor, TABLE, frame) == len(rows)
    back = stored(cursor)
    assert back.schema == frame.schema
    assert back.rows() == frame.rows()


def test_null_and_empty_stay_apart_and_markers_are_text(cursor: postgres.Cursor) -> None:
    labels = ["", None, "\\N", "\\.", '""', "NULL", "a\tb\nc\\"]
    postgres.copy_frame(cursor, TABLE, pl.DataFrame({"label": labels}))
    assert stored(cursor).get_column("label").to_list() == labels
    cursor.execute("SELECT count(*) FROM frames WHERE label IS NULL")
    assert cursor.fetchone() == (1,)


def test_a_large_frame_is_copied_in_parts(cursor: postgres.Cursor) -> None:
    frame = pl.DataFrame({"amount": pl.int_range(120_001, eager=True).cast(pl.Decimal(38, 12))})
    assert postgres.copy_frame(cursor, TABLE, frame) == 120_001
    cursor.execute("SELECT count(*), sum(amount) FROM frames")
    assert cursor.fetchone() == (120_001, Decimal(120_000 * 120_001 // 2))


@pytest.mark.parametrize(
    "column",
    [pl.Series("amount", [0.1]), pl.Series("moment", [datetime(2026, 1, 1)]), pl.Series("label", [[1]])],  # noqa: DTZ001
)
def test_inexact_columns_are_refused(cursor: postgres.Cursor, column: pl.Series) -> None:
    with pytest.raises(TypeError, match=f"column {column.name}"):
        postgres.copy_frame(cursor, TABLE, column.to_frame())


@pytest.mark.parametrize("text", ["1.0000000000001", "-0.00000000000099", "12345678901234567890.1234567890123"])
def test_digits_beyond_the_scale_are_an_error_not_a_rounding(cursor: postgres.Cursor, text: str) -> None:
    with pytest.raises(ValueError, match="column amount"):
        postgres.fetch_frame(cursor, b"SELECT %s::numeric AS amount", [text], {"amount": pl.Decimal(38, 12)})


def test_a_query_with_other_columns_is_an_error(cursor: postgres.Cursor) -> None:
    with pytest.raises(ValueError, match=r"\['a'\], not \['b'\]"):
        postgres.fetch_frame(cursor, b"SELECT 1 AS a", None, {"b": pl.Int64})


def test_numerics_of_any_form_are_exact(cursor: postgres.Cursor) -> None:
    query = (
        b"SELECT sum(x) AS total, count(*) AS rows, sum(n) AS n FROM (VALUES (0.1, 1::bigint), (%(x)s, 2)) AS v(x, n)"
    )
    frame = postgres.fetch_frame(
        cursor, query, {"x": Decimal("0.2")}, {"total": pl.Decimal(38, 12), "rows": pl.UInt32, "n": pl.Int64}
    )
    assert frame.rows() == [(Decimal("0.300000000000"), 2, 3)]


def test_connections_speak_utc(connection: postgres.Connection) -> None:
    row = connection.execute("SELECT current_setting('TimeZone'), '2026-01-01 00:00'::timestamptz").fetchone()
    assert row == ("UTC", datetime(2026, 1, 1, tzinfo=UTC))


def test_a_transaction_commits_or_rolls_back(database_url: str) -> None:
    def insert(pool: postgres.Pool, number: int, failure: Exception | None = None) -> None:
        with postgres.transaction(pool) as connection:
            connection.execute("INSERT INTO kept VALUES (%s)", [number])
            if failure:
                raise failure

    with postgres.open_pool(database_url, application_name="core-tests", max_size=2) as pool:
        with postgres.transaction(pool) as connection:
            connection.execute("CREATE TABLE kept (number integer)")
        insert(pool, 1)
        with pytest.raises(RuntimeError):
            insert(pool, 2, RuntimeError())
        with postgres.transaction(pool) as connection:
            assert connection.execute("SELECT number FROM kept").fetchall() == [(1,)]
            name = connection.execute("SELECT current_setting('application_name')").fetchone()
            assert name == ("core-tests",)


def test_statements_of_their_own_are_committed_at_once_and_keep_no_row(database_url: str) -> None:
    with postgres.open_pool(database_url, application_name="core-tests", max_size=1) as pool:
        with postgres.autocommit(pool) as connection:
            connection.execute("CREATE TABLE counted (number integer)")
            connection.execute("INSERT INTO counted VALUES (1)")
            connection.execute("UPDATE counted SET number = 2")
            with psycopg.connect(database_url) as other:
                assert other.execute("SELECT number FROM counted FOR UPDATE NOWAIT").fetchall() == [(2,)]
        with postgres.transaction(pool) as connection:  # the same one, as it was
            assert not connection.autocommit


def test_neither_waiting_nor_idling_is_endless(connection: postgres.Connection) -> None:
    limits = "SELECT current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout')"
    assert connection.execute(limits).fetchone() == ("5min", "1min")


@pytest.mark.parametrize("lend", [postgres.transaction, postgres.autocommit])
def test_a_pool_survives_a_lost_connection(
    database_url: str, lend: Callable[[postgres.Pool], AbstractContextManager[postgres.Connection]]
) -> None:
    def lose(pool: postgres.Pool) -> None:
        with lend(pool) as connection:
            with psycopg.connect(database_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
            connection.execute("SELECT 1")

    with postgres.open_pool(database_url, application_name="core-tests", max_size=1) as pool:
        with pytest.raises(TransientFailure, match="PostgreSQL at"):
            lose(pool)
        use(pool)


def test_a_busy_pool_says_so(database_url: str) -> None:
    with (
        postgres.open_pool(database_url, application_name="core-tests", max_size=1, timeout=0.2) as pool,
        postgres.transaction(pool),
        pytest.raises(TransientFailure, match="all 1 connections"),
    ):
        use(pool)


def test_a_dead_server_is_transient_and_keeps_the_password(unused_port: int) -> None:
    url = f"postgresql://someone:{PASSWORD}@127.0.0.1:{unused_port}/db"
    with (
        postgres.open_pool(url, application_name="core-tests", timeout=0.2) as pool,
        pytest.raises(TransientFailure, match=f"127.0.0.1:{unused_port}") as failure,
    ):
        use(pool)
    assert PASSWORD not in repr(failure.value) + repr(failure.value.__context__)
    with pytest.raises(TransientFailure):
        postgres.connect(url, application_name="core-tests")


def use(pool: postgres.Pool) -> None:
    with postgres.transaction(pool) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("password", ["ge@heim", "ge/heim", "1234/heim@x", "ge:he@im"])
def test_a_password_that_breaks_the_url_is_not_shown(password: str) -> None:
    with pytest.raises(InvalidInput, match="database URL") as failure:
        postgres.connect(f"postgresql://u:{password}@127.0.0.1:1/db", application_name="core-tests")
    assert "heim" not in str(failure.value)
    assert failure.value.__cause__ is None


def test_a_refused_login_is_permanent(settings: Settings) -> None:
    assert settings.database_url is not None
    given = conninfo_to_dict(settings.database_url.get_secret_value())
    url = psycopg.conninfo.make_conninfo(
        "",
        **{**given, "user": "nobody_of_that_name", "password": PASSWORD},
    )
    with pytest.raises(PermanentFailure, match="refuses the login") as failure:
        postgres.connect(url, application_name="core-tests")
    assert PASSWORD not in str(failure.value)


def test_a_deadlock_is_transient(database_url: str) -> None:
    with postgres.open_pool(database_url, application_name="core-tests") as pool:
        with postgres.transaction(pool) as connection:
            connection.execute("CREATE TABLE locks (number integer)")
            connection.execute("INSERT INTO locks VALUES (1), (2)")
        both = threading.Barrier(2)
        failures: list[Exception] = []

        def lock(numbers: list[int]) -> None:
            try:
                with postgres.transaction(pool) as connection:
                    for first, second in pairwise([*numbers, 0]):
                        connection.execute("UPDATE locks SET number = number WHERE number = %s", [first])
                        if second:
                            both.wait(PATIENCE)
            except TransientFailure as failure:
                failures.append(failure)

        threads = [threading.Thread(target=lock, args=(order,)) for order in ([1, 2], [2, 1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(failures) == 1
    assert "deadlock" in str(failures[0])


def test_a_constraint_passes_unchanged(cursor: postgres.Cursor) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero):
        cursor.execute("SELECT 1/0")


@pytest.mark.parametrize("statement", [b"SELECT FROM finops.tomorrow", b"CREATE TABLE tomorrow.table ()"])
def test_tables_that_are_not_made_yet_are_told(database_url: str, statement: bytes) -> None:
    with (
        postgres.open_pool(database_url, application_name="tests") as pool,
        pytest.raises(PermanentFailure, match=r"tomorrow.*does not exist.*batch-platform provision"),
        postgres.transaction(pool) as connection,
    ):
        connection.execute(statement)

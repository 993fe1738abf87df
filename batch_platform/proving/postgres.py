"""PostgreSQL for proofs: a database of the proof's own, and pools whose commits pass a hazard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from batch_platform import migrations
from batch_platform.core.failures import InvalidInput
from batch_platform.core.postgres import Pool, connect, open_pool
from batch_platform.proving.faults import Hazard
from batch_platform.settings import Settings

_APPLICATION = "batch-platform-prove"


def database_url(settings: Settings, name: str) -> str:
    """The URL of a database of the proof's own, beside the user's."""
    return urlunsplit(urlsplit(_url(settings))._replace(path=f"/{name}"))


def create_database(settings: Settings, name: str) -> None:
    """A database with the application's tables, all of them empty."""
    with connect(_url(settings), application_name=_APPLICATION) as connection:
        connection.autocommit = True
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrations.upgrade(database_url(settings, name))


def drop_database(settings: Settings, name: str) -> None:
    """Remove it, whoever is connected, if it is there."""
    with connect(_url(settings), application_name=_APPLICATION) as connection:
        connection.autocommit = True
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def databases(settings: Settings) -> list[str]:
    """The names of all databases of the user's server; none where there is no server."""
    if settings.database_url is None:
        return []
    with connect(_url(settings), application_name=_APPLICATION) as connection:
        return [name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()]


def disturbed_pool(url: str, hazard: Hazard) -> Pool:
    """A pool of which the commit of each transaction that has written passes the hazard, and so does each beginning.

    A worker that dies before the commit leaves nothing of it. The caller closes the pool.
    """

    class Connection(_Disturbed):
        around = staticmethod(hazard.around)

    pool = open_pool(url, application_name=_APPLICATION)
    pool.connection_class = Connection
    return pool


@dataclass(frozen=True)
class Transaction:
    """The beginning or the commit of a transaction on its way."""

    operation: str
    writes: bool
    make: Callable[[], Any]

    def made(self) -> Any:
        return self.make()


class _Disturbed(psycopg.Connection[TupleRow]):
    around: Callable[[Transaction], Any]

    @contextmanager
    def transaction(
        self, savepoint_name: str | None = None, force_rollback: bool = False
    ) -> Iterator[psycopg.Transaction]:
        if force_rollback or self.info.transaction_status is not TransactionStatus.IDLE:
            with super().transaction(savepoint_name, force_rollback) as savepoint:
                yield savepoint
            return
        within = super().transaction(savepoint_name)
        opened = self.around(Transaction("begin", writes=False, make=within.__enter__))
        committed = False

        def commit() -> None:
            nonlocal committed
            within.__exit__(None, None, None)
            committed = True

        try:
            yield opened
            self.around(Transaction("commit", writes=self._has_written(), make=commit))
        except BaseException as error:
            if not committed:
                within.__exit__(type(error), error, error.__traceback__)
            raise

    def _has_written(self) -> bool:
        [(number,)] = self.execute("SELECT pg_current_xact_id_if_assigned()::text").fetchall()
        return number is not None


def _url(settings: Settings) -> str:
    if settings.database_url is None:
        raise InvalidInput("variable-not-set", "{field} is not set", field="DATABASE_URL")
    return settings.database_url.get_secret_value()

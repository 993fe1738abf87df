"""Databases of a test's own on the session's server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from batch_platform.settings import Settings


@contextmanager
def empty_database(settings: Settings, kind: str) -> Iterator[str]:
    """The URL of an empty database, dropped afterwards; `kind` is the first part of its name."""
    assert settings.database_url is not None
    server = settings.database_url.get_secret_value()
    name = f"{kind}_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def of_dagster(database_url: str) -> str:
    """The same URL as Dagster wants it: for SQLAlchemy, with its driver."""
    given = conninfo_to_dict(database_url)
    login = f"{given['user']}:{given['password']}@{given['host']}:{given['port']}/{given['dbname']}"
    return f"postgresql+psycopg2://{login}"

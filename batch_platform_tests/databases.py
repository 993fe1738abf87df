"""Databases of a test's own on the session's server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from batch_platform import migrations
from batch_platform.settings import Settings


@contextmanager
def empty_database(settings: Settings, kind: str, *, template: str = "template1") -> Iterator[str]:
    """The URL of an empty database, or of a copy of another, dropped afterwards; its name begins with `kind`."""
    server = settings.database()
    name = f"{kind}_{uuid4().hex}"
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(create)
        try:
            yield make_conninfo(server, dbname=name)
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def migrated_database(settings: Settings, kind: str) -> Iterator[str]:
    """The URL of a database with the application's tables, all of them empty, dropped afterwards."""
    with empty_database(settings, kind, template=_migrated(settings.database())) as url:
        yield url


@cache
def _migrated(server: str) -> str:
    """The name of a database that others are copied from, made once: a copy takes a fifth of the migrations."""
    name = f"migrated_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    migrations.upgrade(make_conninfo(server, dbname=name))
    return name


def of_dagster(database_url: str) -> str:
    """The same URL as Dagster wants it: for SQLAlchemy, with its driver."""
    given = conninfo_to_dict(database_url)
    login = f"{given['user']}:{given['password']}@{given['host']}:{given['port']}/{given['dbname']}"
    return f"postgresql+psycopg2://{login}"

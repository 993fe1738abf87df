"""A database of the web's own, and sites on it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from io import StringIO

import pytest
import structlog

from batch_platform.core import logs, postgres
from batch_platform.settings import Settings
from batch_platform_tests.conftest import cheap_hashes
from batch_platform_tests.databases import migrated_database
from batch_platform_tests.web.site import Site, lent, open_site

__all__ = ["cheap_hashes"]


@pytest.fixture(scope="session")
def web_database(settings: Settings) -> Iterator[str]:
    """The URL of a migrated database that no other test touches."""
    with migrated_database(settings, "web") as url:
        yield url


@pytest.fixture(scope="session")
def web_pool(web_database: str) -> Iterator[postgres.Pool]:
    pool = postgres.open_pool(web_database, application_name="web-tests", max_size=8)
    yield pool
    pool.close()


@pytest.fixture(autouse=True)
def log() -> Iterator[StringIO]:
    """What the test's processes log, as in production."""
    stream = StringIO()
    logs.configure("prod", level=logging.INFO, stream=stream)
    yield stream
    logs.configure("prod", level=logging.CRITICAL, stream=StringIO())  # a server may still be stopping
    structlog.reset_defaults()


@pytest.fixture
def pool(web_pool: postgres.Pool) -> postgres.Pool:
    """The pool, on tables without accounts, sessions, tokens, failed logins or keys. The audit log stays."""
    with postgres.transaction(web_pool) as connection:
        connection.execute("DELETE FROM web.users")
        connection.execute("DELETE FROM web.sessions")
        connection.execute("DELETE FROM web.login_attempts")
        connection.execute("DELETE FROM web.idempotency_keys")
        connection.execute("DELETE FROM web.tokens")
    return web_pool


@pytest.fixture(scope="session")
def shop_site(web_pool: postgres.Pool) -> Iterator[Site]:
    with open_site(web_pool) as site:
        yield site


@pytest.fixture
def site(shop_site: Site, pool: postgres.Pool) -> Iterator[Site]:
    """The site, where nobody has been."""
    with lent(shop_site) as site:
        yield site

"""What commands about accounts, tokens and the audit log work on: the database, and whoever runs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from batch_platform.core import postgres
from batch_platform.core.audit import Log
from batch_platform.core.caller import system_user
from batch_platform.core.clock import utc_now
from batch_platform.settings import load_settings


@contextmanager
def opened_pool() -> Iterator[postgres.Pool]:
    """Raises `InvalidInput` where `DATABASE_URL` is not set."""
    pool = postgres.open_pool(load_settings().database(), application_name="batch-platform", max_size=1)
    try:
        yield pool
    finally:
        pool.close()


@contextmanager
def opened_log() -> Iterator[Log]:
    """The audit log in the hands of the system's user."""
    with opened_pool() as pool:
        yield Log(pool, utc_now, caller())


def caller() -> str:
    return f"cli:{system_user()}"

"""The outbox on the session's PostgreSQL, empty for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batch_platform.core import postgres
from batch_platform.settings import Settings


@pytest.fixture(scope="session")
def shared_pool(provisioned: Settings) -> Iterator[postgres.Pool]:
    with postgres.open_pool(provisioned.database(), application_name="outbox tests") as pool:
        yield pool


@pytest.fixture
def pool(shared_pool: postgres.Pool) -> postgres.Pool:
    """The database, its outbox empty."""
    with postgres.transaction(shared_pool) as connection:
        connection.execute("TRUNCATE outbox.notices, outbox.suppressions, outbox.consents RESTART IDENTITY")
    return shared_pool

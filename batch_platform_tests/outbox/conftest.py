"""The outbox on the session's PostgreSQL, empty for each test, and a real SMTP sink beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_platform.core import postgres
from batch_platform.outbox.opening import files
from batch_platform.settings import Settings
from batch_platform_tests.outbox.rig import Clock, Outbox, Server


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


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "mail")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def outbox(pool: postgres.Pool, server: Server, provisioned: Settings) -> Outbox:
    return Outbox(pool, server, Clock(), files(provisioned))

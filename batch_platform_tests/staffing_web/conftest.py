"""A database of its own for what staffing shows and does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batch_platform import migrations
from batch_platform.core import postgres
from batch_platform.settings import Settings
from batch_platform_tests.databases import empty_database


@pytest.fixture(scope="session")
def staffing_database(settings: Settings) -> Iterator[str]:
    with empty_database(settings, "staffing_web") as url:
        migrations.upgrade(url)
        yield url


@pytest.fixture(scope="session")
def pool(staffing_database: str) -> Iterator[postgres.Pool]:
    pool = postgres.open_pool(staffing_database, application_name="staffing-web-tests", max_size=24)
    yield pool
    pool.close()

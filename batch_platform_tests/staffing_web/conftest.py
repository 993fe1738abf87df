"""The web app with staffing alone on a database of its own, and callers of every role."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from batch_platform.core import postgres
from batch_platform.settings import Settings
from batch_platform.staffing.opening import build_context
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.web import pages
from batch_platform.web.access.model import Role
from batch_platform_tests.databases import migrated_database
from batch_platform_tests.web.rig import app_of, caller
from batch_platform_tests.web.served import served

NOW = datetime(2026, 12, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def staffing_database(settings: Settings) -> Iterator[str]:
    with migrated_database(settings, "staffing_web") as url:
        yield url


@pytest.fixture(scope="session")
def pool(staffing_database: str) -> Iterator[postgres.Pool]:
    pool = postgres.open_pool(staffing_database, application_name="staffing-web-tests", max_size=24)
    yield pool
    pool.close()


@pytest.fixture(scope="module", autouse=True)
def without_facts(pool: postgres.Pool) -> None:
    """Each module begins without a row of staffing."""
    with postgres.transaction(pool) as connection:
        tables = connection.execute(
            "SELECT format('staffing.%I', relname) FROM pg_class "
            "WHERE relnamespace = 'staffing'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition"
        ).fetchall()
        connection.execute(f"TRUNCATE {', '.join(name for [name] in tables)} CASCADE")  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def staffing(pool: postgres.Pool, provisioned: Settings) -> StaffingContext:
    """What the app's routes work with, on 2026-12-01 at 09:00 in Tokyo."""
    return build_context(pool, provisioned, clock=lambda: NOW)


@pytest.fixture(scope="session")
def origin(pool: postgres.Pool, staffing: StaffingContext) -> Iterator[str]:
    app: FastAPI = app_of(pool, pages.PART, pages.WEB.card)
    app.state.staffing = staffing
    with served(app) as address:
        yield address


@pytest.fixture(scope="session")
def operator(origin: str) -> Iterator[httpx.Client]:
    with caller(origin, Role.OPERATOR) as client:
        yield client


@pytest.fixture(scope="session")
def viewer(origin: str) -> Iterator[httpx.Client]:
    with caller(origin, Role.VIEWER) as client:
        yield client

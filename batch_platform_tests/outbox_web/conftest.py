"""The web app with the outbox alone, its sink beside it, and callers of every role."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from batch_platform.core import postgres
from batch_platform.outbox.web import pages
from batch_platform.web.access.model import Role
from batch_platform_tests.outbox.conftest import outbox as outbox
from batch_platform_tests.outbox.conftest import pool as pool
from batch_platform_tests.outbox.conftest import server as server
from batch_platform_tests.outbox.conftest import shared_pool as shared_pool
from batch_platform_tests.outbox.rig import Outbox
from batch_platform_tests.web.rig import app_of, caller
from batch_platform_tests.web.served import served


@pytest.fixture(scope="session")
def app(shared_pool: postgres.Pool) -> FastAPI:
    return app_of(shared_pool, pages.PART, pages.CARD)


@pytest.fixture(scope="session")
def origin(app: FastAPI) -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture
def operator(app: FastAPI, origin: str, outbox: Outbox) -> Iterator[httpx.Client]:
    app.state.outbox = outbox.worker()
    with caller(origin, Role.OPERATOR) as client:
        yield client


@pytest.fixture
def viewer(operator: httpx.Client, origin: str) -> Iterator[httpx.Client]:
    with caller(origin, Role.VIEWER) as client:
        yield client


@pytest.fixture
def nobody(operator: httpx.Client, origin: str) -> Iterator[httpx.Client]:
    with caller(origin, None) as client:
        yield client

"""The web app with the finops part alone, on the session's services, and callers of every role."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.definitions import build_definitions
from batch_platform.finops.domain import DOMAIN
from batch_platform.finops.service import FinopsContext
from batch_platform.finops.web import pages
from batch_platform.finops.web.context import FinopsState
from batch_platform.operations.dagster.launch import InProcessRunner, Launcher
from batch_platform.operations.dagster.storage import DagsterInstanceStorage
from batch_platform.operations.model import Registry
from batch_platform.operations.service import OperationsContext
from batch_platform.settings import Settings
from batch_platform.web.access.model import Role
from batch_platform_tests.finops.conftest import clock, common, context, make_project, pool, project
from batch_platform_tests.web.rig import Call, app_of, audited, caller
from batch_platform_tests.web.served import served

WHATEVER = {"If-Match": "*"}
"""Of a PUT that replaces what it has not looked at."""

__all__ = ["clock", "common", "context", "make_project", "pool", "project"]


@pytest.fixture(scope="session")
def app(pool: postgres.Pool) -> FastAPI:
    return app_of(pool, pages.PART, pages.CARD)


@pytest.fixture(scope="session")
def operations(pool: postgres.Pool, settings: Settings) -> OperationsContext:
    """Runs are over when they are asked for."""
    registry, launcher = Registry(DOMAIN.jobs(settings)), Launcher(build_definitions(settings))
    storage = DagsterInstanceStorage(launcher.instance, registry)
    return OperationsContext(pool, utc_now, registry, storage, InProcessRunner(launcher))


@pytest.fixture(scope="session")
def origin(app: FastAPI) -> Iterator[str]:
    with served(app) as address:
        yield address


@pytest.fixture
def client(app: FastAPI, origin: str, context: FinopsContext) -> Iterator[httpx.Client]:
    """An administrator."""
    app.state.finops = FinopsState.of(context)
    with caller(origin, Role.ADMINISTRATOR) as client:
        yield client
    context.store.close()


@pytest.fixture
def viewer(client: httpx.Client, origin: str) -> Iterator[httpx.Client]:
    with caller(origin, Role.VIEWER) as viewer:
        yield viewer


@pytest.fixture
def operator(client: httpx.Client, origin: str) -> Iterator[httpx.Client]:
    with caller(origin, Role.OPERATOR) as operator:
        yield operator


@pytest.fixture
def audit_rows(pool: postgres.Pool) -> Call:
    return lambda target: audited(pool, target)

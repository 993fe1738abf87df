"""The web app with the finops part alone, on the session's services, and callers of every role."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.finops import pages
from batch_platform.finops.jobs import build_jobs
from batch_platform.finops.service import FinopsContext
from batch_platform.finops.site import FinopsSite
from batch_platform.operations import pages as operations_pages
from batch_platform.operations.dagster_storage import DagsterInstanceStorage
from batch_platform.operations.launch import InProcessRunner, Launcher
from batch_platform.operations.model import Registry
from batch_platform.operations.service import OperationsContext
from batch_platform.settings import Settings
from batch_platform.web.access.model import Role
from batch_platform.web.access.tokens import Tokens
from batch_platform.web.app import Part, build_app
from batch_platform.web.context import Limits, WebContext
from batch_platform_tests.finops.conftest import clock, make_project, pool, project, s3, work
from batch_platform_tests.web.served import served

__all__ = ["clock", "make_project", "pool", "project", "s3", "work"]

SECRET = b"a secret of the tests, long enough"
Call = Callable[..., Any]


def token(role: Role) -> str:
    issued = Tokens.of(SECRET).issue(
        name=role.value, roles=[role], ttl=timedelta(hours=1), now=utc_now(), random=os.urandom
    )
    return f"Bearer {issued}"


@pytest.fixture(scope="session")
def app(pool: postgres.Pool, settings: Settings) -> FastAPI:
    context = WebContext(
        pool=pool,
        clock=utc_now,
        secret=SECRET,
        url="http://testserver",
        secure_cookies=False,
        random=os.urandom,
        limits=Limits(rate=100_000, burst=100_000, anonymous_rate=100_000, anonymous_burst=100_000),
    )
    dashboard = Part(
        pages=[operations_pages.build_pages([pages.CARD])],
        templates="batch_platform.operations",
        locale="batch_platform.operations",
    )
    return build_app(context, parts=[pages.PART, dashboard])


@pytest.fixture(scope="session")
def operations(pool: postgres.Pool, settings: Settings) -> OperationsContext:
    """Runs are over when they are asked for."""
    registry, launcher = Registry(build_jobs(settings)), Launcher(settings)
    storage = DagsterInstanceStorage(launcher.instance, registry)
    return OperationsContext(pool, utc_now, registry, storage, InProcessRunner(launcher))


@pytest.fixture(scope="session")
def origin(app: FastAPI) -> Iterator[str]:
    with served(app) as address:
        yield address


@contextmanager
def caller(origin: str, role: Role) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=origin, headers={"Authorization": token(role)}, timeout=60) as client:
        yield client


@pytest.fixture
def client(app: FastAPI, origin: str, work: FinopsContext) -> Iterator[httpx.Client]:
    """An administrator."""
    app.state.finops = FinopsSite.of(work)
    with caller(origin, Role.ADMINISTRATOR) as client:
        yield client


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
    def rows(target: str) -> list[tuple[Any, ...]]:
        with postgres.transaction(pool) as connection:
            return connection.execute(
                "SELECT who, what, before, after FROM web.audit_log WHERE target = %s ORDER BY id", [target]
            ).fetchall()

    return rows

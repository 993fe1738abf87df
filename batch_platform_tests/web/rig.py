"""One domain's part of the web app as its tests need it: beside the dashboard, for callers of every role."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
from fastapi import FastAPI

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.operations.web import pages as operations_pages
from batch_platform.registry import build_grants
from batch_platform.web.access.model import Role
from batch_platform.web.access.tokens import Tokens
from batch_platform.web.app import Part, build_app
from batch_platform.web.context import Limits, WebContext
from batch_platform_tests.waiting import PATIENCE

SECRET = b"a secret of the tests, long enough"
Call = Callable[..., Any]


def app_of(pool: postgres.Pool, part: Part, card: operations_pages.DashboardCard | None) -> FastAPI:
    """The part and the dashboard with its card, if it has one; callers are not limited."""
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
        pages=[operations_pages.build_pages([card] if card else [])],
        package="batch_platform.operations.web",
    )
    return build_app(context, parts=[part, dashboard], grants=build_grants())


def token(role: Role, name: str | None = None) -> str:
    issued = Tokens.of(SECRET).issue(
        name=name or role.value, roles=[role], ttl=timedelta(hours=1), now=utc_now(), random=os.urandom
    )
    return f"Bearer {issued}"


@contextmanager
def caller(origin: str, role: Role | None, name: str | None = None) -> Iterator[httpx.Client]:
    """A program with a token of that role, or without one."""
    headers = {} if role is None else {"Authorization": token(role, name)}
    with httpx.Client(base_url=origin, headers=headers, timeout=PATIENCE, trust_env=False) as client:
        yield client


def audited(pool: postgres.Pool, target: str, *, after: int = 0) -> list[tuple[Any, ...]]:
    """Who did what, before and after, of a target or to it among others, oldest first; of rows after that number."""
    with postgres.transaction(pool) as connection:
        return connection.execute(
            "SELECT who, what, before, after FROM web.audit_log "
            "WHERE (target = %s OR before ? %s) AND id > %s ORDER BY id",
            [target, target, after],
        ).fetchall()

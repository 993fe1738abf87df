"""The log of requests: what it says of whom, and that nothing waits for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest

from batch_platform.core import postgres
from batch_platform.settings import Settings
from batch_platform.web import request_log
from batch_platform.web.access.model import Role
from batch_platform.web.request_log import Line, RequestLog
from batch_platform_tests.databases import migrated_database
from batch_platform_tests.web.site import NOON, HandClock, make_context, open_site

Logged = list[tuple[str, str, int, str]]


@pytest.fixture
def own_pool(settings: Settings) -> Iterator[postgres.Pool]:
    """A pool on a database that no site of another test writes its requests to."""
    with migrated_database(settings, "requests") as url:
        pool = postgres.open_pool(url, application_name="web-tests")
        yield pool
        pool.close()


@pytest.fixture
def nowhere() -> Iterator[postgres.Pool]:
    """A pool whose database does not answer."""
    pool = postgres.open_pool("postgresql://nobody@127.0.0.1:1/none", application_name="away", timeout=0.2)
    yield pool
    pool.close()


def lines(*routes: str) -> list[Line]:
    return [Line(NOON, "GET", route, 200, 1.5, "local") for route in routes]


def test_requests_are_logged_by_route_status_and_kind_of_caller(own_pool: postgres.Pool) -> None:
    with open_site(own_pool) as site:
        program, stranger = site.program(Role.VIEWER), site.client()
        for path in ("/api/shop/orders", "/api/shop/failures/bug", "/inside/deep/down", "/api/nothing/here"):
            program.get(path)
        program.post("/api/shop/orders", json={"note": "x"})
        stranger.get("/api/shop/orders")
        stranger.get("/static/console.css")
        stranger.get("/health/live")
        site.clock.pass_by(timedelta(hours=1))
    with postgres.transaction(own_pool) as connection:
        rows = connection.execute("SELECT method, route, status, principal FROM web.requests ORDER BY id").fetchall()
        [[moments, slowest]] = connection.execute(
            "SELECT array_agg(DISTINCT at), max(duration_ms) FROM web.requests"
        ).fetchall()
    assert rows == [
        ("GET", "/api/shop/orders", 200, "token"),
        ("GET", "/api/shop/failures/{kind}", 500, "token"),
        ("GET", "/inside/*", 200, "token"),
        ("GET", "unknown", 404, "token"),
        ("POST", "/api/shop/orders", 403, "token"),
        # who is nobody gets no further than the guard, which knows no route
        ("GET", "unknown", 401, "anonymous"),
    ]
    assert moments == [NOON]
    assert slowest > 0


def test_a_database_that_is_away_is_told_once_and_lines_wait_for_it(
    own_pool: postgres.Pool, nowhere: postgres.Pool, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_log, "BATCH", 2)
    away = RequestLog(make_context(nowhere, HandClock()))
    for line in lines("/a", "/b", "/c"):
        away.add(line)
    away.flush()
    away.flush()
    assert [json.loads(line)["event"] for line in log.getvalue().splitlines()].count("requests are not logged") == 1

    there = RequestLog(make_context(own_pool, HandClock()))
    there._lines = away._lines
    there.flush()
    with postgres.transaction(own_pool) as connection:
        rows = connection.execute("SELECT route, duration_ms FROM web.requests ORDER BY id").fetchall()
    assert [(route, str(milliseconds)) for route, milliseconds in rows] == [
        ("/a", "1.500"),
        ("/b", "1.500"),
        ("/c", "1.500"),
    ]


def test_too_many_lines_push_the_oldest_out(nowhere: postgres.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_log, "KEPT", 3)
    away = RequestLog(make_context(nowhere, HandClock()))
    for line in lines("/a", "/b", "/c", "/d"):
        away.add(line)
    away.flush()
    assert [line.route for line in away._lines] == ["/b", "/c", "/d"]

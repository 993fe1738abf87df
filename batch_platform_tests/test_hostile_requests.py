"""Whatever is asked of any path, no answer is a bare 500: programs get a problem, browsers a page. HEAD is as GET."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextvars import copy_context
from typing import Final

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from batch_platform.server import create_app
from batch_platform.settings import Settings
from batch_platform_tests.site import Site

HTML: Final = {"accept": "text/html"}
PLACES: Final = ("%00", "%ff%fe", "%2e%2e%2f%2e%2e%2fetc", "x" * 3_000, "%F0%9F%92%A5", "'%22%3C;--")
QUERY: Final = "limit=-1&offset=99999999999999999999&cursor=%ff&month=9999-99&status=%00&status=a&from=0&x%ff=1"
BODIES: Final = (
    ("application/json", b'{"a": \xff\xfe'),
    ("application/json", b"[" * 20_000),
    ("application/json", b'{"version": NaN, "reason": "\\ud800"}'),
    ("application/x-www-form-urlencoded", b"step=%ff%00&a=\xff"),
    ("multipart/form-data; boundary=", b"--\r\n"),
    ("text/xml; charset=nonsense", b"<a/>"),
)
ENDS: Final = ("/api/access-tokens", "/api/sessions", "/logout", "/console/sign-out")
"""What ends the session or token by which the test asks."""


@pytest.fixture(scope="module")
def routes(settings: Settings) -> list[tuple[str, str]]:
    app = copy_context().run(create_app, settings)
    return [
        (method, route.path or "")
        for route in iter_route_contexts(app.routes)
        if not isinstance(route.original_route, Mount)
        for method in sorted(route.methods or ())
        if method != "HEAD" and not (route.path or "").startswith(ENDS)
    ]


@pytest.fixture(scope="module")
def client(provisioned: Settings, dagster_site: Site) -> Iterator[httpx.Client]:
    with dagster_site.client("administrator") as client:
        yield client


def test_no_path_or_query_is_too_odd(client: httpx.Client, routes: list[tuple[str, str]]) -> None:
    asked = 0
    for path in (path for method, path in routes if method == "GET"):
        for number, place in enumerate(PLACES if "{" in path else PLACES[:1]):
            address = f"{re.sub(r'{[^}]*}', place, path)}?{QUERY if number % 2 == 0 else ''}"
            for headers in ({}, HTML):
                proper(client, "GET", address, headers=headers)
                asked += 1
    assert asked > 1_000


def test_no_body_is_too_odd(client: httpx.Client, routes: list[tuple[str, str]]) -> None:
    for method, path in routes:
        if method in ("POST", "PUT", "DELETE", "PATCH") and not path.startswith("/login"):  # which is asked rarely
            for kind, body in BODIES:
                headers = {"content-type": kind, **({} if path.startswith("/api/") else HTML)}
                proper(client, method, re.sub(r"{[^}]*}", "nobody", path), headers=headers, content=body)


def test_dagster_is_asked_oddly(client: httpx.Client) -> None:
    for kind, body in (*BODIES, ("application/json", b'[{"query": "{version}"}]'), ("application/json", b"[]")):
        proper(client, "POST", "/dagster/graphql", headers={"content-type": kind}, content=body)
    for path in (
        *(
            "graphql?query=%ff",
            "download_debug/nobody",
            "download_debug/%00",
            "notebook?path=%00",
            "logs/%2e%2e/x/y/z",
        ),
        *("%ff", "report_asset_materialization/%ff", "x" * 3_000),
    ):
        proper(client, "GET", f"/dagster/{path}")


def test_head_is_as_get(client: httpx.Client, routes: list[tuple[str, str]]) -> None:
    for path in (re.sub(r"{[^}]*}", "nobody", path) for method, path in routes if method == "GET"):
        asked, head = proper(client, "GET", path), client.head(path)
        assert (head.status_code, head.content) == (asked.status_code, b""), path
        assert head.headers.get("content-type") == asked.headers.get("content-type"), path


def proper(client: httpx.Client, method: str, path: str, **given: object) -> httpx.Response:
    """The answer, which is none of a failure that nobody foresaw; a refusal says what it is, in its own form."""
    answer = client.request(method, path, **given)  # type: ignore[arg-type]
    place = (method, path[:200], given, answer.status_code, answer.text[:500])
    assert answer.status_code in (200, 201, 202, 303, 307, 503) or 400 <= answer.status_code < 500, place
    assert answer.status_code != 429, place
    if answer.status_code >= 400 and path.startswith("/api/"):
        assert answer.headers["content-type"] == "application/problem+json", place
        assert answer.json()["status"] == answer.status_code
    return answer

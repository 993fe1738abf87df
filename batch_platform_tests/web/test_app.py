"""The app as a whole: nobody passes unasked, every error is a problem, every answer carries its headers."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount, Route
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from batch_platform.core import postgres
from batch_platform.web.access.authentication import is_public
from batch_platform.web.access.dependencies import public, requirement_of, requires
from batch_platform.web.access.model import PERMISSIONS, Role
from batch_platform.web.app import Part, build_app
from batch_platform.web.context import Limits
from batch_platform.web.security import CONTENT_SECURITY_POLICY, Bucket
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.served import served
from batch_platform_tests.web.site import HandClock, Site, make_context, open_site

PROBLEM = "application/problem+json"
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def routes(site: Site) -> Iterator[tuple[str, str]]:
    """Every method and path of the app, places filled in; mounted apps by a path below them."""
    for route in iter_route_contexts(site.app.routes):
        path = re.sub(r"{[^}]*}", "1", route.path or "")
        if isinstance(route.original_route, Mount):
            yield from ((method, f"{path}/anything") for method in ("GET", "POST"))
        else:
            yield from ((method, path) for method in sorted(route.methods or ()))


def check_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    assert problem["type"].startswith("/problems/")
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == answer.request.url.path
    assert problem["correlation_id"] == answer.headers["x-request-id"]
    return problem


# who may


def test_every_route_declares_a_permission(site: Site) -> None:
    declared = {
        route.path: requirement_of(route)
        for route in iter_route_contexts(site.app.routes)
        if not isinstance(route.original_route, Mount)
    }
    assert None not in declared.values()
    public_paths = {path for path, found in declared.items() if found and found.permission is None}
    assert public_paths == {path for path in declared if is_public(path or "")}


@pytest.mark.parametrize("kind", ["silent", "open", "closed", "starlette"])
def test_a_route_that_does_not_say_who_may_call_it_is_refused(pool: postgres.Pool, kind: str) -> None:
    router = APIRouter()
    paths = {"silent": "/api/x", "open": "/api/x", "closed": "/login/oidc/callback", "starlette": "/x"}
    declared = {"silent": [], "open": [public()], "closed": [requires("x:read")]}
    if kind == "starlette":
        router.routes.append(Route("/x", lambda request: None))
    else:
        router.add_api_route(paths[kind], lambda: None, dependencies=declared[kind])
    with pytest.raises(ValueError, match=paths[kind]):
        build_app(make_context(pool, HandClock()), parts=[Part(routers=[router])])


def test_a_route_that_another_one_hides_is_refused(pool: postgres.Pool) -> None:
    router = APIRouter()
    for path in ("/api/x/{id}", "/api/x/{name:path}"):
        router.add_api_route(path, lambda: None, dependencies=[requires("x:read")])
    with pytest.raises(ValueError, match="twice"):
        build_app(make_context(pool, HandClock()), parts=[Part(routers=[router])])


def test_nobody_passes_without_a_token(site: Site) -> None:
    client = site.client()
    for method, path in routes(site):
        answer = client.request(method, path)
        if is_public(path):
            assert answer.status_code != 401, (method, path)
        else:
            check_problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
    check_problem(client.get("/no/such/path"), 401)
    check_problem(client.get("/static/../api/session"), 401)
    check_problem(client.get("/login/../api/session"), 401)
    check_problem(client.get("/%6cogin%2f..%2fapi"), 401)


def test_a_viewer_writes_nothing(site: Site) -> None:
    client = site.program(Role.VIEWER)
    asked = 0
    for method, path in routes(site):
        if method in UNSAFE and not is_public(path) and not path.startswith("/inside"):
            # its own tokens are its own to revoke, and this one is not there
            check_problem(client.request(method, path), 404 if path.startswith("/api/access-tokens/") else 403)
            asked += 1
    assert asked > 5


def test_a_browser_gets_the_form_where_it_wanted_to_go(site: Site) -> None:
    answer = site.browser().get("/console/audit?who=x")
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert 'value="/console/audit?who=x"' in answer.text
    check_problem(site.browser().get("/api/session"), 401)


def test_who_am_i(site: Site) -> None:
    data = site.program(Role.OPERATOR, name="nightly").get("/api/session").json()["data"]
    assert data == {
        "subject": "token:nightly",
        "name": "nightly",
        "roles": ["operator"],
        "permissions": sorted(PERMISSIONS[Role.OPERATOR]),
        "via": "token",
    }
    assert site.signed_in("ann", Role.VIEWER).client.get("/api/session").json()["data"]["subject"] == "local:ann"


def test_mounted_apps_stand_behind_the_login(site: Site) -> None:
    assert site.program(Role.VIEWER, name="v").get("/inside/x").text == "inside v"
    assert site.program(Role.VIEWER, name="v").get("/inside").headers["location"] == "/inside/"
    address = site.url.replace("http", "ws") + "/inside/socket"
    with pytest.raises(InvalidStatus):
        connect(address)
    with connect(address, additional_headers={"Authorization": f"Bearer {site.token(Role.VIEWER)}"}) as socket_:
        assert socket_.recv() == "test"
    browser = site.signed_in("ann", Role.VIEWER)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.client.cookies.items())
    with connect(address, origin=site.url, additional_headers={"Cookie": cookie}) as socket_:  # type: ignore[arg-type]
        assert socket_.recv() == "ann"
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        connect(address, origin="https://evil.example", additional_headers={"Cookie": cookie})  # type: ignore[arg-type]


def test_the_root_leads_to_the_console(site: Site) -> None:
    client = site.program(Role.VIEWER)
    assert [client.get(path).headers["location"] for path in ("/", "/console/")] == ["/console", "/console"]


# problems


def test_errors_of_the_router_are_problems(site: Site) -> None:
    client = site.program(Role.ADMINISTRATOR)
    check_problem(client.get("/api/nothing"), 404)
    check_problem(client.get("/api/session/"), 404)
    wrong = client.delete("/api/shop/orders")
    check_problem(wrong, 405)
    assert wrong.headers["allow"] == "GET, HEAD, POST, PUT"
    check_problem(client.get("/api/session", headers={"Accept": "image/png"}), 406)
    check_problem(client.post("/api/shop/orders", content="{}", headers={"Content-Type": "text/plain"}), 415)
    check_problem(client.post("/api/shop/orders", content="{}"), 415)
    check_problem(client.post("/api/shop/orders", data={"note": "x"}), 415)


@pytest.mark.parametrize(
    ("kind", "status", "slug"),
    [
        ("missing", 404, "not-found"),
        ("conflict", 409, "conflict"),
        ("passing", 503, "unavailable"),
        ("permanent", 500, "failure"),
        ("bug", 500, "failure"),
    ],
)
def test_failures_are_problems(site: Site, kind: str, status: int, slug: str) -> None:
    answer = site.program(Role.VIEWER).get(f"/api/shop/failures/{kind}")
    problem = check_problem(answer, status)
    assert problem["type"] == f"/problems/{slug}"
    assert "geheim" not in answer.text
    assert problem.get("field") == ("kind" if status in (404, 409) else None)
    assert ("retry-after" in answer.headers) is (status == 503)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"parameters": {"targetDate": 0}}', "parameters.targetDate"),
        ('{"parameters": {"dryRun": "off"}}', "parameters.dryRun"),
        ('{"parameters": {"dryRun": 1}}', "parameters.dryRun"),
        ('{"parameters": {"targetDate": "2026-02-30"}}', "parameters.targetDate"),
        ('{"parameters": {"month": "2026-13"}}', "parameters.month"),
        ('{"parameters": {"dryRunn": true}}', "parameters.dryRunn"),
        ('{"parameters": null}', "parameters"),
        ('{"more": 1}', "more"),
        ('{"note": "\\u0000"}', "note"),
        ('{"note": "\\ud800"}', "note"),
        ('{"note": 5}', "note"),
        ("[]", "body"),
        ("", "body"),
        ("{", "body"),
        ('{"a": NaN', "body"),
        ("\xff\xfe", "body"),
        ("[" * 100_000, "body"),
        ("1" * 10_000, "body"),
    ],
    ids=lambda value: value[:40],
)
def test_input_at_fault_is_named(site: Site, body: str, field: str) -> None:
    client = site.program(Role.OPERATOR)
    answer = client.post(
        "/api/shop/orders", content=body.encode("latin-1"), headers={"Content-Type": "application/json"}
    )
    problem = check_problem(answer, 422)
    assert problem["field"] == field
    kind = "unreadable-body" if problem["detail"] == "the body cannot be read" else "invalid-input"
    assert problem["type"] == f"/problems/{kind}"
    assert site.till.orders == []


def test_good_input_comes_through(site: Site) -> None:
    body = {"parameters": {"dryRun": True, "targetDate": "2026-10-01"}}
    answer = site.program(Role.OPERATOR).post("/api/shop/orders", json=body)
    assert answer.status_code == 201
    assert answer.json()["success"] is True
    assert answer.json()["data"]["parameters"] == {"dryRun": True, "targetDate": "2026-10-01", "month": None}


@pytest.mark.parametrize("query", ["limt=5", "limit=5&x=", "\u3042=1", "%00=1"])
def test_unknown_parameters_are_refused(site: Site, query: str) -> None:
    client = site.program(Role.VIEWER)
    assert client.get("/api/shop/orders?limit=5").status_code == 200
    check_problem(client.get(f"/api/shop/orders?{query}"), 422)


def test_people_get_pages(site: Site) -> None:
    browser = site.signed_in("ann", Role.ADMINISTRATOR)
    for path, status, text in [
        ("/console/nothing", 404, "ページが見つかりません。"),
        ("/console/broken", 500, "エラーが発生しました。"),
        ("/console/audit?offset=x", 422, "offset: 数字で指定してください。"),
        ("/console/audit?offset=1000001", 422, "offset: 1000000 以下の値を指定してください。"),
    ]:
        answer = browser.get(path)
        assert text in answer.text
        assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert "geheim" not in answer.text
        assert answer.headers["x-request-id"] in answer.text
    assert check_problem(browser.client.get("/console/nothing"), 404)["detail"] == "Not Found"
    browser.client.cookies.set("language", "en")
    assert "offset: a number is written in digits" in browser.get("/console/audit?offset=x").text


# limits


def test_bodies_are_limited_with_and_without_a_length(site: Site) -> None:
    client = site.program(Role.OPERATOR)
    big = b'{"note": "' + b"x" * site.context.limits.body_bytes + b'"}'
    headers = {"Content-Type": "application/json"}
    check_problem(client.post("/api/shop/orders", content=big, headers=headers), 413)
    check_problem(client.post("/api/shop/orders", content=iter([big[:1000], big[1000:]]), headers=headers), 413)
    check_problem(
        client.post("/api/shop/orders", content=iter([big]), headers=headers | {"Idempotency-Key": "k"}), 413
    )
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    check_problem(site.client().post("/login", content=iter([big]), headers=form), 413)
    assert site.till.orders == []


def test_an_endless_body_is_cut_off(site: Site) -> None:
    """The answer comes before the end of a body that never ends."""
    parts = urlsplit(site.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as raw:
        head = (
            f"POST /api/shop/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {site.token(Role.OPERATOR)}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        raw.sendall(head.encode())
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        with pytest.raises(OSError):  # noqa: PT012 (the connection closes under us, sooner or later)
            for _ in range(64):
                raw.sendall(chunk)
                time.sleep(0.01)
            answer = raw.recv(100)
            assert answer.startswith(b"HTTP/1.1 413")
            raise OSError("answered")


def test_callers_are_limited_each_for_itself(pool: postgres.Pool) -> None:
    limits = Limits(rate=2, burst=5, anonymous_rate=1, anonymous_burst=3)
    with open_site(pool, limits=limits) as site:
        ci, other = site.program(Role.VIEWER, name="ci"), site.program(Role.VIEWER, name="other")
        assert [ci.get("/api/session").status_code for _ in range(7)] == [200] * 5 + [429] * 2
        limited = ci.get("/api/session")
        check_problem(limited, 429)
        assert limited.headers["retry-after"] == "1"
        assert other.get("/api/session").status_code == 200
        assert [site.client().get("/api/session").status_code for _ in range(4)] == [401] * 3 + [429]
        assert site.client().get("/health/live").status_code == 200


def test_a_bucket_fills_again() -> None:
    bucket = Bucket(rate=2, burst=4)
    assert [bucket.wait("a", 100.0) > 0 for _ in range(5)] == [False] * 4 + [True]
    assert bucket.wait("a", 100.0) == pytest.approx(0.5)
    assert bucket.wait("a", 100.5) == 0
    assert bucket.wait("a", 100.5) > 0
    assert [bucket.wait("a", 200.0) > 0 for _ in range(5)] == [False] * 4 + [True]
    for caller in range(30_000):
        bucket.wait(str(caller), 1000.0 + caller)
    assert len(bucket._full_at) < 10_001


# what surrounds every answer


def test_every_answer_carries_the_headers(site: Site) -> None:
    client = site.program(Role.ADMINISTRATOR)
    for path in (
        "/api/session",
        "/api/nothing",
        "/api/shop/failures/bug",
        "/login",
        "/health/live",
        "/docs",
        "/inside/x",
    ):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in headers
        assert "server" not in headers or "uvicorn" in headers["server"]
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY


def test_over_tls_browsers_stay_there(pool: postgres.Pool) -> None:
    with open_site(pool, secure_cookies=True) as site:
        assert "max-age" in site.client().get("/health/live").headers["strict-transport-security"]


@pytest.mark.parametrize("sent", ["abc-1._Z", "x" * 64])
def test_the_caller_may_name_its_request(site: Site, sent: str) -> None:
    answer = site.client().get("/api/session", headers={"X-Request-ID": sent})
    assert check_problem(answer, 401)["correlation_id"] == sent


@pytest.mark.parametrize("sent", ["", "a b", "x" * 65, "a\tb", "<script>"])
def test_but_not_by_anything(site: Site, sent: str) -> None:
    answer = site.client().get("/api/session", headers={"X-Request-ID": sent})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_the_log_has_the_correlation_id_and_no_secret(site: Site, log: StringIO) -> None:
    token = site.token(Role.VIEWER)
    headers = {"Authorization": f"Bearer {token}", "X-Request-ID": "find-me"}
    site.client().get("/api/shop/failures/bug", headers=headers)
    site.browser().log_in("ann", "a-password-typed")
    logged = log.getvalue()
    lines = [line for line in logged.splitlines() if "find-me" in line]
    assert any("request failed" in line for line in lines)
    assert any('"status": 500' in line for line in lines)
    assert all(secret not in logged for secret in (token, "geheim", "a-password-typed"))


# health and docs


def test_health(pool: postgres.Pool) -> None:
    slow, broken = threading.Event(), [True]

    def hang() -> None:
        slow.wait(PATIENCE)

    def fail() -> None:
        if broken[0]:
            raise RuntimeError("geheim")

    clock = HandClock()
    app = build_app(make_context(pool, clock), ready={"s3": fail, "daemon": hang, "postgres": lambda: None})
    with served(app) as url:
        assert httpx.get(f"{url}/health/live", timeout=PATIENCE).json() == {"status": "up"}
        answer = httpx.get(f"{url}/health/ready", timeout=PATIENCE)  # while the daemon's probe still hangs
        assert answer.status_code == 503
        assert answer.json() == {"status": "down", "checks": {"s3": "down", "daemon": "down", "postgres": "up"}}
        broken[0] = False
        slow.set()
        assert (
            httpx.get(f"{url}/health/ready", timeout=PATIENCE).status_code == 503
        )  # the answer of a moment ago serves all
        clock.now = clock.now.replace(second=10)
        answer = httpx.get(f"{url}/health/ready", timeout=PATIENCE)
        assert (answer.status_code, answer.json()["status"]) == (200, "up")


def test_docs_stand_behind_the_login_and_load_nothing_from_elsewhere(site: Site) -> None:
    browser = site.signed_in("ann", Role.VIEWER)
    page = browser.get("/docs").text
    assert not re.search(r"https?://|<script>|onload=|style=", page)
    for path in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert browser.get(path).status_code == 200, path
    assert browser.client.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_static_files_are_for_everybody(site: Site) -> None:
    page = site.browser().get("/login").text
    for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
        assert site.client().get(path).status_code == 200, path

"""Guests of a domain: a token and a session without any role, good for what they are granted and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, Request
from fastapi.routing import iter_route_contexts
from starlette.responses import Response

from batch_platform.core import postgres
from batch_platform.web.access.authentication import is_public
from batch_platform.web.access.dependencies import public, requirement_of, requires
from batch_platform.web.access.guests import GuestBook, Guests
from batch_platform.web.access.model import Principal, Role
from batch_platform.web.access.pages import enter
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.app import Part, build_app
from batch_platform.web.context import WebContext
from batch_platform_tests.web.served import served
from batch_platform_tests.web.site import Browser, HandClock, Site, Till, make_context, shop
from batch_platform_tests.web.test_app import check_problem, routes

OPENED = frozenset({"/api/club/token", "/club/sign-in"})
MEMBERS_ROUTE = "/api/club/games"


def club() -> Part:
    """A part whose members are guests: `member.ann` is Ann's token."""
    api, pages = APIRouter(prefix="/api/club", tags=["club"]), APIRouter()

    @api.post("/token", dependencies=[public()])
    def token(request: Request) -> Envelope[str]:
        return Envelope(data="member.ann" + ("" if request.scope.get("idempotency_id") is None else "?"))

    @api.get("/games", dependencies=[requires("games:read")])
    def games() -> Envelope[str]:
        return Envelope(data="chess")

    @pages.get("/club/sign-in", dependencies=[public()])
    def form() -> str:
        return "sign in"

    @pages.post("/club/sign-in", dependencies=[public()])
    def sign_in(request: Request) -> Response:
        return enter(request, Principal("member:ann", "ann", frozenset(), "session"), "/api/club/games")

    def find(_: WebContext, text: str) -> str | None:
        return "ann" if text == "member.ann" else None

    members = Guests(frozenset({"games:read"}), find, "/club/sign-in", "Sign in as a member")
    return Part(routers=[api], pages=[pages], opened=OPENED, guests={"member": members})


@pytest.fixture
def site(pool: postgres.Pool) -> Iterator[Site]:
    clock, till = HandClock(), Till()
    context = make_context(pool, clock)
    app = build_app(context, parts=[shop(till), club()])
    with served(app) as url:
        site = Site(app, url, context, clock, till)
        yield site
        for close in site.closing:
            close()


def member(site: Site) -> httpx.Client:
    return site.client(Authorization="Bearer member.ann")


def signed_in(site: Site) -> Browser:
    browser = site.browser()
    answer = browser.send("/club/sign-in", {"csrf_token": browser.csrf()})
    assert (answer.status_code, answer.headers["location"]) == (303, MEMBERS_ROUTE)
    return browser


def test_what_is_opened_is_public_and_nothing_else_is(site: Site) -> None:
    declared = {route.path: requirement_of(route) for route in iter_route_contexts(site.app.routes)}
    open_ones = {path for path, found in declared.items() if found and found.permission is None}
    assert open_ones == {path for path in declared if is_public(path or "", OPENED)} - {"/static"}
    assert open_ones >= OPENED
    for path in ("/api/club/token/", "/api/club", "/club/sign-in/x"):
        check_problem(site.client().get(path), 401)


def test_a_guest_may_what_it_is_granted_and_nothing_else(site: Site) -> None:
    token, browser = member(site), signed_in(site)
    csrf = {
        "X-CSRF-Token": site.app.state.sessions.csrf_token(
            site.app.state.sessions.cookie.read(browser.client.cookies)
        )
    }
    asked = 0
    for method, path in routes(site):
        if is_public(path, OPENED) or path == MEMBERS_ROUTE:
            continue
        check_problem(token.request(method, path), 403)
        if not path.startswith(("/logout", "/console/account")):  # what everybody may with a session of his own
            check_problem(browser.client.request(method, path, headers=csrf), 403)
        asked += 1
    assert asked > 20
    for caller in (token, browser.client):
        assert caller.get(MEMBERS_ROUTE).json()["data"] == "chess"
    assert site.program(Role.VIEWER).get(MEMBERS_ROUTE).status_code == 200


def test_nobodys_token_is_nobodys(site: Site) -> None:
    for token in ("member.bob", "member.", "member", "members.ann", "Member.ann", "member.ann ", ".member.ann"):
        check_problem(site.client(Authorization=f"Bearer {token}x").get(MEMBERS_ROUTE), 401)


def test_a_guest_leaves_by_its_own_door(site: Site) -> None:
    browser = signed_in(site)
    sessions = site.app.state.sessions
    csrf = sessions.csrf_token(sessions.cookie.read(browser.client.cookies))
    assert browser.send("/logout", {"csrf_token": "0" * 64}).status_code == 403
    assert browser.send("/logout", {"csrf_token": csrf}).headers["location"] == "/club/sign-in"
    check_problem(browser.client.get(MEMBERS_ROUTE), 401)
    assert 'href="/club/sign-in?next=/console/x"' in browser.get("/console/x").text


def test_programs_sign_in_without_a_form_and_browsers_with_one(site: Site) -> None:
    program = site.client(**{"Idempotency-Key": "k", "Content-Type": "application/json"})
    assert [program.post("/api/club/token").json()["data"] for _ in range(2)] == ["member.ann"] * 2
    with postgres.transaction(site.context.pool) as connection:
        assert connection.execute("SELECT count(*) FROM web.idempotency_keys").fetchone() == (0,)
    foreign = program.post("/api/club/token", headers={"Origin": "https://evil.example"})
    assert check_problem(foreign, 403)["type"] == "/problems/foreign-origin"
    assert site.browser().send("/club/sign-in", {}).status_code == 403


def test_the_document_tells_what_signing_in_takes(site: Site) -> None:
    paths: dict[str, Any] = site.app.openapi()["paths"]
    token = paths["/api/club/token"]["post"]
    assert token["security"] == []
    assert "parameters" not in token
    assert {"403", "413", "415", "429"} <= set(token["responses"])


@pytest.mark.parametrize(("kind", "permission"), [("token", "a:read"), ("a.b", "a:read"), ("", "a:read"), ("x", "a")])
def test_guests_that_cannot_be_are_refused(kind: str, permission: str) -> None:
    guests = Guests(frozenset({permission}), lambda context, token: None, "/", "")
    with pytest.raises(ValueError):
        GuestBook({kind: guests})

"""What is asked again is not read again, but who asks and what the answer is are looked at each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from fastapi import APIRouter, Request, Response
from starlette.requests import HTTPConnection

from batch_platform.core import postgres
from batch_platform.core.failures import NotFound
from batch_platform.web.access import service
from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.access.model import Role
from batch_platform.web.access.prepared import prepared
from batch_platform.web.access.service import Change
from batch_platform.web.app import Part, build_app
from batch_platform_tests.web.served import served
from batch_platform_tests.web.site import NOON, Browser, HandClock, Site, Till, lent, make_context

CHANGE = Change("test:somebody", NOON)
PRICES = "/api/shop/prices/tea"


@dataclass
class Shop:
    price: int = 3
    read: list[str] = field(default_factory=list)
    """What the route has read of addresses."""


@pytest.fixture(scope="module")
def built(web_pool: postgres.Pool) -> Iterator[tuple[Site, Shop]]:
    shop, router = Shop(), APIRouter(prefix="/api/shop")

    @router.get("/prices/{name}", dependencies=[requires("jobs:run")])
    async def price(request: Request, name: str, times: int = 1) -> Response:
        shop.read.append(f"{name} {times}")

        async def answer(connection: HTTPConnection) -> Response:
            if shop.price == 0:
                raise NotFound("not-found", "no {name}", name=name)
            words = name, times * shop.price, current(connection).name, connection.path_params["name"]
            return Response(" ".join(map(str, words)))

        return await prepared(request, answer)

    clock = HandClock()
    context = make_context(web_pool, clock)
    app = build_app(context, parts=[Part(routers=[router])])
    with served(app) as url:
        yield Site(app, url, context, clock, Till()), shop


@pytest.fixture
def shop(built: tuple[Site, Shop]) -> Shop:
    built[1].price = 3
    built[1].read.clear()
    return built[1]


@pytest.fixture
def site(pool: postgres.Pool, shop: Shop, built: tuple[Site, Shop]) -> Iterator[Site]:
    with lent(built[0]) as site:
        yield site


def status(client: Any, **headers: str) -> int:
    return int(client.get(PRICES, headers=headers).status_code)


def test_an_address_is_read_once_and_answered_each_time(site: Site, shop: Shop) -> None:
    ann, ben = site.program(Role.OPERATOR, name="ann"), site.program(Role.OPERATOR, name="ben")
    shop.read.clear()
    assert ann.get(f"{PRICES}?times=2").text == "tea 6 ann tea"
    shop.price = 5
    assert ben.get(f"{PRICES}?times=2").text == "tea 10 ben tea"
    assert ben.get(f"{PRICES}?times=4").text == "tea 20 ben tea"
    assert ben.get(PRICES.replace("tea", "milk")).text == "milk 5 ben milk"
    assert shop.read == ["tea 2", "tea 4", "milk 1"]
    head = ben.head(f"{PRICES}?times=2")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "14")
    assert ben.post(f"{PRICES}?times=2", json={}).status_code == 405


def test_what_fails_is_a_problem_as_ever(site: Site, shop: Shop) -> None:
    ann = site.program(Role.OPERATOR)
    assert status(ann) == 200
    shop.price = 0
    answer = ann.get(PRICES)
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")
    for query, expected in (("times=x", 422), ("time=2", 422)):
        assert [ann.get(f"{PRICES}?{query}").status_code for _ in range(2)] == [expected] * 2
    assert ann.get(PRICES, headers={"Accept": "image/png"}).status_code == 406
    assert ann.get(PRICES, headers={"Accept": "image/png"}).headers["x-content-type-options"] == "nosniff"


def test_who_may_not_is_refused_what_another_has_asked_before(site: Site) -> None:
    assert status(site.program(Role.OPERATOR)) == 200
    assert status(site.program(Role.VIEWER)) == 403
    assert status(site.client()) == 401
    assert status(site.program(Role.OPERATOR), Authorization="Bearer x") == 401


def demote(pool: postgres.Pool) -> None:
    service.set_roles(pool, "ann", [Role.VIEWER], CHANGE)


def disable(pool: postgres.Pool) -> None:
    service.set_enabled(pool, "ann", CHANGE, enabled=False)


def end(pool: postgres.Pool) -> None:
    service.end_sessions(pool, "ann", CHANGE)


@pytest.mark.parametrize(("change", "refused"), [(demote, (401, 403)), (disable, (401,)), (end, (401,))])
def test_the_very_next_request_knows_what_was_taken_away(
    site: Site, change: Callable[[postgres.Pool], None], refused: tuple[int, ...]
) -> None:
    browser: Browser = site.signed_in("ann", Role.OPERATOR)
    assert [status(browser.client) for _ in range(2)] == [200, 200]
    change(site.context.pool)
    assert status(browser.client) in refused


def test_a_token_ends_when_it_ends(site: Site) -> None:
    """Signatures are checked once; times are looked at with every request, also by a clock that was set back."""
    client = site.client(Authorization=f"Bearer {site.token(Role.OPERATOR, ttl=timedelta(minutes=5))}")
    assert [status(client) for _ in range(2)] == [200, 200]
    site.clock.pass_by(-timedelta(minutes=1))
    assert status(client) == 401
    site.clock.pass_by(timedelta(minutes=7))
    assert status(client) == 401


def test_an_unchanged_answer_leaves_the_headers_of_the_one_before(site: Site) -> None:
    client = site.client()
    first = client.get("/static/console.css")
    again = client.get("/static/console.css", headers={"If-None-Match": first.headers["etag"]})
    assert (first.headers["x-content-type-options"], again.status_code) == ("nosniff", 304)
    assert "content-security-policy" not in again.headers
    assert again.headers["cache-control"] == first.headers["cache-control"] == "no-cache"

"""A whole web app on a real server for tests: a part with routes of its own, a clock by hand, browsers and programs.

Run as a module it serves the same app in a process of its own, which tests can kill.
"""

from __future__ import annotations

import re
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, FastAPI, Request
from pydantic import Field
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from batch_platform.core import postgres
from batch_platform.core.clock import Clock
from batch_platform.core.failures import Conflict, NotFound, PermanentFailure, TransientFailure
from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.access.model import Role
from batch_platform.web.access.tokens import Tokens
from batch_platform.web.api import idempotency
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.idempotency import IdempotencyKey
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import IsoDate, Month, StrictBool, StrictModel, Text
from batch_platform.web.app import Part, build_app
from batch_platform.web.context import Limits, OidcSettings, WebContext
from batch_platform_tests.accounts import add_account
from batch_platform_tests.waiting import PATIENCE
from batch_platform_tests.web.served import served

SECRET = b"a secret of the tests, long enough for all"
NOON = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"


class HandClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, time: timedelta) -> None:
        self.now += time


class Parameters(StrictModel):
    """As a job's."""

    dry_run: StrictBool = False
    target_date: IsoDate | None = None
    month: Month | None = None


class Order(StrictModel):
    parameters: Parameters = Field(
        default_factory=Parameters, examples=[{"dryRun": True, "targetDate": "2026-10-01"}]
    )
    note: Text = ""


class Receipt(StrictModel):
    number: int
    parameters: Parameters
    token: str | None


@dataclass
class Till:
    """What the routes did; `hold` makes the next order wait."""

    orders: list[Order] = field(default_factory=list)
    hold: threading.Event | None = None
    held: threading.Event = field(default_factory=threading.Event)


def shop(till: Till) -> Part:
    """A part with a read, a write, failures of every kind and a mounted app."""
    api = APIRouter(prefix="/api/shop", tags=["shop"])

    @api.get("/orders", dependencies=[requires("shop:read")])
    def orders(limit: int = 10) -> Envelope[list[Order]]:
        return Envelope(data=till.orders[-limit:])

    @api.post("/orders", status_code=201, dependencies=[requires("jobs:run")])
    def order(body: Order, request: Request, idempotency_key: IdempotencyKey = None) -> Envelope[Receipt]:
        if till.hold is not None:
            till.held.set()
            till.hold.wait(PATIENCE)
        till.orders.append(body)
        token = idempotency.token(request)
        return Envelope(data=Receipt(number=len(till.orders), parameters=body.parameters, token=token))

    @api.put("/orders", dependencies=[requires("jobs:run")])
    def replace() -> Envelope[str]:
        return Envelope(data="replaced")

    @api.get("/failures/{kind}", dependencies=[requires("shop:read")], responses=documented(404, 409, 500))
    def fail(kind: Annotated[str, Field(max_length=50)]) -> Envelope[str]:
        failures: Mapping[str, Exception] = {
            "conflict": Conflict("conflict", "it is done already", field="kind"),
            "passing": TransientFailure("unavailable", "the other side is away"),
            "permanent": PermanentFailure("failure", "it can never work"),
            "bug": RuntimeError("postgresql://user:geheim@host/db"),
        }
        raise failures.get(kind, NotFound("not-found", "no failure {kind}", kind=kind, field="kind"))

    pages = APIRouter()

    @pages.get("/console", dependencies=[requires("console:read")])
    def home(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"hello {current(request).name}")

    @pages.get("/console/broken", dependencies=[requires("console:read")])
    def broken() -> PlainTextResponse:
        raise RuntimeError("geheim")

    return Part(routers=[api], pages=[pages], mounts={"/inside": _inside})


async def _inside(scope: Scope, receive: Receive, send: Send) -> None:
    """A mounted app that knows nothing of us: says who asks, by HTTP and by websocket."""
    name = scope["principal"].name
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": name})
        await send({"type": "websocket.close", "code": 1000})
        return
    await PlainTextResponse(f"inside {name}")(scope, receive, send)


def make_context(pool: postgres.Pool, clock: Clock, url: str = "http://127.0.0.1:8000", **changes: Any) -> WebContext:
    # room for all that tests ask before the moment that a clock was moved to, and set back from
    limits = Limits(rate=1, burst=10**9, anonymous_rate=1, anonymous_burst=10**9)
    values: dict[str, Any] = {
        "secret": SECRET,
        "secure_cookies": False,
        "random": secrets.token_bytes,
        "limits": limits,
    }
    return WebContext(pool=pool, clock=clock, url=url, **values | changes)


@dataclass
class Browser:
    """A browser without scripts: keeps cookies, sends forms as pages would."""

    client: httpx.Client
    url: str

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers={"Accept": "text/html", **headers})

    def csrf(self, path: str = "/login") -> str:
        match = re.search(r'name="csrf_token" value="([0-9a-f]{64})"', self.get(path).text)
        assert match, "the page has no form"
        return match[1]

    def send(self, path: str, form: Mapping[str, Any], **headers: str) -> httpx.Response:
        """POST as a form of a page of ours."""
        own = {"Accept": "text/html", "Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        return self.client.post(path, data=dict(form), headers=own | headers)

    def log_in(self, name: str, password: str = PASSWORD, target: str = "/console") -> httpx.Response:
        form = {"name": name, "password": password, "next": target, "csrf_token": self.csrf()}
        return self.send("/login", form)


@dataclass
class Site:
    """A served app and what stands behind it."""

    app: FastAPI
    url: str
    context: WebContext
    clock: HandClock
    till: Till
    closing: list[Callable[[], None]] = field(default_factory=list)

    def client(self, **headers: str) -> httpx.Client:
        client = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE)
        self.closing.append(client.close)
        return client

    def token(self, *roles: Role, name: str = "test", ttl: timedelta = timedelta(hours=1)) -> str:
        tokens = Tokens.of(self.context.secret)
        return tokens.issue(name=name, roles=roles, ttl=ttl, now=self.clock(), random=secrets.token_bytes)

    def program(self, *roles: Role, name: str = "test") -> httpx.Client:
        """A client with a bearer token of these roles."""
        return self.client(Authorization=f"Bearer {self.token(*roles, name=name)}")

    def browser(self) -> Browser:
        return Browser(self.client(), self.url)

    def add_user(self, name: str, *roles: Role) -> None:
        add_account(self.context.pool, name, *roles, password=PASSWORD, now=self.clock())

    def signed_in(self, name: str, *roles: Role) -> Browser:
        self.add_user(name, *roles)
        browser = self.browser()
        assert browser.log_in(name).status_code == 303
        return browser


@contextmanager
def open_site(
    pool: postgres.Pool, *, oidc: OidcSettings | None = None, listener: socket.socket | None = None, **changes: Any
) -> Iterator[Site]:
    clock, till = HandClock(), Till()
    context = make_context(pool, clock, oidc=oidc, **changes)
    app = build_app(context, parts=[shop(till)], ready={"postgres": lambda: None})
    with served(app, listener) as url, lent(Site(app, url, context, clock, till)) as site:
        yield site


@contextmanager
def lent(site: Site) -> Iterator[Site]:
    """A site as it was built, which may outlive the block; what the block has opened does not."""
    site.clock.now = NOON
    site.till.orders.clear()
    site.till.hold = None
    site.till.held.clear()
    try:
        yield site
    finally:
        while site.closing:
            site.closing.pop()()


def main() -> None:
    """`python -m … DATABASE_URL`: an app whose orders never end, on a port that it prints."""
    till = Till(hold=threading.Event())
    pool = postgres.open_pool(sys.argv[1], application_name="web-tests", max_size=4)
    app = build_app(make_context(pool, HandClock()), parts=[shop(till)])
    with served(app) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        till.held.wait(PATIENCE)
        sys.stdout.write("held\n")
        sys.stdout.flush()
        time.sleep(60)


if __name__ == "__main__":
    main()

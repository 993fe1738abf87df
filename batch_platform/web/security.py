"""What surrounds every request: address, id, security headers, failures, rate limit. Pure ASGI, knows no route."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batch_platform.core.logs import bound
from batch_platform.web.api.problems import plain, problem_of, respond
from batch_platform.web.api.refusals import Refusal
from batch_platform.web.context import Limits, WebContext
from batch_platform.web.headers import add, add_missing, header, pair

REQUEST_ID: Final = "X-Request-ID"
FORWARDED_FOR: Final = "X-Forwarded-For"
_REQUEST_ID: Final = REQUEST_ID.lower().encode()
_PLAIN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_WITH_PORT: Final = re.compile(r"\[(?P<v6>[^]]*)\](:\d+)?|(?P<v4>[\d.]+):\d+")
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer: browsers would then send `Origin: null` with our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",
}
_YEAR: Final = 31_536_000
_QUIET: Final = ("/static/", "/health/")
_KNOWN_CALLERS: Final = 10_000

_log = structlog.get_logger(__name__)


class ProxyMiddleware:
    """Behind trusted proxies a connection's address is its visitor's, which they wrote into `X-Forwarded-For`.

    Of anybody else the header is not believed. Each proxy adds at the end whom it saw, so the visitor is the last
    that is no trusted proxy itself; what stands before may be of his own invention.
    """

    def __init__(self, app: ASGIApp, trusted: Sequence[IPv4Network | IPv6Network]) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._trusted and scope.get("client"):
            address = self._visitor(scope["client"][0], Headers(scope=scope).getlist(FORWARDED_FOR))
            scope["client"] = (address, 0 if address != scope["client"][0] else scope["client"][1])
        await self._app(scope, receive, send)

    def _visitor(self, peer: str, lines: Sequence[str]) -> str:
        hops = [hop for line in lines for hop in line.split(",")]
        visitor = peer
        while self._trusts(visitor) and hops:
            hop = _parsed(hops.pop())
            if hop is None:
                break  # nobody can say who came before
            visitor = str(hop)
        return visitor

    def _trusts(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._trusted)


class CorrelationMiddleware:
    """Gives every request an id, the caller's if it sent a plain one, and one line of log."""

    def __init__(self, app: ASGIApp, context: WebContext) -> None:
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = header(scope, _REQUEST_ID)
        plain_id = given if given is not None and _PLAIN.fullmatch(given) else None
        correlation_id = scope["correlation_id"] = plain_id or self._context.random(16).hex()
        status, started = 0, time.perf_counter()

        async def tagged(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                add(message, ((_REQUEST_ID, correlation_id.encode()),))
            await send(message)

        with bound(correlation_id=correlation_id):
            try:
                await self._app(scope, receive, tagged)
            finally:
                if not scope["path"].startswith(_QUIET):
                    principal = scope.get("principal")
                    _log.info(
                        "request",
                        method=scope.get("method", "WEBSOCKET"),
                        path=scope["path"],
                        status=status,
                        milliseconds=round((time.perf_counter() - started) * 1000, 1),
                        subject=principal.subject if principal else None,
                        address=address_of(scope),
                    )


class HeadersMiddleware:
    """Headers that keep a browser strict; what a mounted app sets itself stays.

    A 304 has none: it says that the answer which the browser has stays good, with the headers that came with it.
    """

    def __init__(self, app: ASGIApp, context: WebContext) -> None:
        self._app = app
        secure = {"Strict-Transport-Security": f"max-age={_YEAR}"} if context.secure_cookies else {}
        self._headers = [pair(name, value) for name, value in (_HEADERS | secure).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] != 304:
                add_missing(message, self._headers)
            await send(message)

        await self._app(scope, receive, guarded)


class FailuresMiddleware:
    """Every exception of the app and of the middlewares below becomes a problem; the unexpected ones are logged."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def noticed(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        except ClientDisconnect:
            return  # nobody is left to be told
        except Exception as error:
            problem = problem_of(error)
            if problem.status >= 500:
                _log.exception("request failed")
            if started:
                raise  # the answer is cut off; the server closes the connection
            request = Request(scope)
            try:
                answer = respond(request, problem)
            except Exception:  # noqa: BLE001 (the page of the error has failed too: the log has it)
                _log.exception("no page for a failure")
                answer = plain(request, problem)
            await answer(scope, receive, send)


class RateLimitMiddleware:
    """429 for who asks too often: a principal, or an address that has not signed in."""

    def __init__(self, app: ASGIApp, context: WebContext) -> None:
        limits: Limits = context.limits
        self._app = app
        self._clock = context.clock
        self._known = Bucket(limits.rate, limits.burst)
        self._unknown = Bucket(limits.anonymous_rate, limits.anonymous_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(_QUIET):
            principal, now = scope["principal"], self._clock().timestamp()
            if principal is None:
                wait = self._unknown.wait(address_of(scope), now)
            else:
                wait = self._known.wait(principal.subject, now)
            if wait:
                raise Refusal(
                    429, "too-many-requests", "too many requests", headers={"Retry-After": str(int(wait) + 1)}
                )
        await self._app(scope, receive, send)


class Bucket:
    """So many a second and so many at once, per caller: a caller's bucket is the moment when it will be full again.

    The counts are this process's own; nothing is shared and nothing is written.
    """

    def __init__(self, rate: int, burst: int) -> None:
        self._interval = 1 / rate
        self._room = burst / rate
        self._full_at: dict[str, float] = {}

    def wait(self, caller: str, now: float) -> float:
        """Seconds until the caller may ask again; 0 counts the request and lets it pass."""
        full_at = max(self._full_at.get(caller, now), now) + self._interval
        if full_at - now > self._room:
            return full_at - now - self._room
        if len(self._full_at) >= _KNOWN_CALLERS:
            self._full_at = {known: moment for known, moment in self._full_at.items() if moment > now}
        self._full_at[caller] = full_at
        return 0.0


def address_of(scope: Scope) -> str:
    """Where the connection comes from, as the server or a trusted proxy saw it."""
    return scope["client"][0] if scope.get("client") else "unknown"


def _parsed(hop: str) -> IPv4Address | IPv6Address | None:
    """An address as proxies write it: alone, or with a port, which of IPv6 needs brackets."""
    match = _WITH_PORT.fullmatch(hop.strip())
    try:
        address = ip_address(match["v6"] or match["v4"] if match else hop.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address

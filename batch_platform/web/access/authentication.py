"""Who is asking, before anything else sees the request: nobody passes but to login, health and static files."""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batch_platform.web.access.bearers import Bearers
from batch_platform.web.access.dependencies import SAFE_METHODS
from batch_platform.web.access.model import Due, Grants, Principal
from batch_platform.web.access.sessions import KNOWN_FOR, Sessions
from batch_platform.web.api.bodies import read_body, replayed
from batch_platform.web.api.problems import wants_page
from batch_platform.web.api.refusals import Refusal, foreign_origin, unauthenticated, unsettled
from batch_platform.web.console import local_path, render
from batch_platform.web.context import WebContext
from batch_platform.web.headers import header

BACK_CHANNEL_LOGOUT: Final = "/login/oidc/logout"
PUBLIC: Final = frozenset(
    {
        *("/login", "/login/oidc", "/login/oidc/callback", BACK_CHANNEL_LOGOUT, "/login/language"),
        *("/health/live", "/health/ready"),
    }
)
DUE_PAGES: Final[Mapping[Due, str]] = MappingProxyType(
    {
        "second-factor": "/console/account/second-factor/verify",
        "password": "/console/account/password",
        "enrolment": "/console/account/second-factor",
    }
)
"""Where people settle what is due."""
PUBLIC_FOLDER: Final = "/static/"
CSRF_HEADER: Final = "X-CSRF-Token"
CSRF_FIELD: Final = "csrf_token"
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


class IdentityMiddleware:
    """Puts the `principal` (or None), with what roles may do here, and the browser's `csrf_token` into the scope."""

    def __init__(self, app: ASGIApp, sessions: Sessions, bearers: Bearers, grants: Grants) -> None:
        self._app = app
        self._grants = grants
        self._sessions = sessions
        self._bearers = bearers
        self._context: WebContext = sessions.context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        scope["principal"], scope["csrf_token"] = None, ""
        if scope["path"].startswith(PUBLIC_FOLDER):
            await self._app(scope, receive, send)
            return
        if header(scope, b"authorization") is not None:
            scope["principal"] = await self._bearers.principal(connection)
        else:
            send = await self._recognise(connection, send)
        if scope["principal"] is not None:
            scope["principal"] = self._bearers.guests.admitted(scope["principal"], self._grants)
        await self._app(scope, receive, send)

    async def _recognise(self, connection: HTTPConnection, send: Send) -> Send:
        """A browser, by its session or as a visitor; a new visitor that looks at a page gets its cookie."""
        scope, sessions = connection.scope, self._sessions
        session_id = sessions.cookie.read(connection.cookies)
        if session_id is not None:
            scope["principal"] = await run_in_threadpool(sessions.find, session_id)
        if scope["principal"] is not None and session_id is not None:
            scope["csrf_token"] = sessions.csrf_token(session_id)
            return send
        visitor = sessions.visitor.read(connection.cookies)
        if visitor is not None:
            scope["csrf_token"] = sessions.csrf_token(visitor)
            return send
        if scope["type"] != "http" or not wants_page(Request(scope)):
            return send
        visitor = sessions.new_id()
        scope["csrf_token"] = sessions.csrf_token(visitor)
        cookie = sessions.visitor.header(visitor, age=KNOWN_FOR)

        async def introduced(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("Set-Cookie", cookie)
            await send(message)

        return introduced


class GuardMiddleware:
    """401 for nobody, and for browsers a check that the write comes from a page of ours.

    Who has something due, such as a password of his own, gets only to the page where he settles it.
    """

    def __init__(
        self,
        app: ASGIApp,
        context: WebContext,
        foreign_apps: Sequence[str],
        opened: Collection[str],
        linked: Collection[str] = (),
    ) -> None:
        self._app = app
        self._context = context
        self._opened = opened
        self._linked = linked
        # apps that know nothing of our forms: for their writes the origin alone decides
        self._foreign_apps = tuple(f"{path}/" for path in foreign_apps)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(Request(scope, receive), receive, send)
        else:
            await self._app(scope, receive, send)

    async def _http(self, request: Request, receive: Receive, send: Send) -> None:
        principal: Principal | None = request.scope["principal"]
        path: str = request.scope["path"]
        if principal is None and not is_public(path, self._opened):
            await self._refuse(request, send)
            return
        if principal is not None and principal.due is not None and self._keeps_out(principal.due, path):
            await self._lead(request, principal.due, send)
            return
        # mail programs and login providers load no page of ours before: what they send is itself the permission
        if request.method not in SAFE_METHODS and path not in self._linked and path != BACK_CHANNEL_LOGOUT:
            if principal is None and path.startswith("/api/"):
                # a program that signs in: it has no cookie that a foreign page could use
                self._check_origin(request)
            elif principal is None or principal.via == "session":
                receive = await self._check_csrf(request, receive)
        await self._app(request.scope, receive, send)

    async def _refuse(self, request: Request, send: Send) -> None:
        """The login form for a person; whoever sent a token, and every program, gets a problem."""
        if wants_page(request) and request.method in ("GET", "HEAD") and "authorization" not in request.headers:
            await login_page(request, target=_asked_for(request), status=401)(request.scope, request.receive, send)
            return
        error = ' error="invalid_token"' if "authorization" in request.headers else ""
        raise unauthenticated(f"Bearer{error}")

    def _keeps_out(self, due: Due, path: str) -> bool:
        return path not in (DUE_PAGES[due], "/logout") and not is_public(path, self._opened)

    async def _lead(self, request: Request, due: Due, send: Send) -> None:
        """To the page where it is settled; a program's request is a problem."""
        if not wants_page(request) or request.method not in ("GET", "HEAD"):
            raise unsettled(due)
        page = f"{DUE_PAGES[due]}?{urlencode({'next': _asked_for(request)})}"
        await RedirectResponse(page, 303)(request.scope, request.receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        code = None
        if scope["principal"] is None:
            code = 4401
        elif scope["principal"].due is not None or (
            scope["principal"].via == "session" and not self._comes_from_us(connection.headers)
        ):
            code = 4403
        if code is None:
            await self._app(scope, receive, send)
            return
        await send({"type": "websocket.close", "code": code})

    def _check_origin(self, request: Request) -> None:
        if not self._comes_from_us(request.headers):
            raise foreign_origin()

    async def _check_csrf(self, request: Request, receive: Receive) -> Receive:
        """Raises 403 unless a page of ours sent this; the body it may have read is in what it returns."""
        self._check_origin(request)
        if request.scope["path"].startswith(self._foreign_apps):
            return receive
        token = request.headers.get(CSRF_HEADER)
        if token is None and request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORMS:
            body = await read_body(receive)
            receive = replayed(body, receive)
            token = await _field(Request(request.scope, replayed(body, receive)))
        if not token or not request.scope["csrf_token"] or not _same(token, request.scope["csrf_token"]):
            raise Refusal(403, "form-too-old", "the form is too old: load the page again")
        return receive

    def _comes_from_us(self, headers: Headers) -> bool:
        """Browsers name the origin of every write and websocket; programs send no cookies unasked and need not."""
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return False
        origin = headers.get("origin")
        if origin is None or origin == self._context.origin:
            return True
        return urlsplit(origin).netloc == headers.get("host")


def is_public(path: str, opened: Collection[str] = ()) -> bool:
    """Whether nobody needs to be signed in: what belongs to login and health, and what the parts have `opened`."""
    return path in PUBLIC or path in opened or path.startswith(PUBLIC_FOLDER)


def login_page(request: Request, *, target: str, status: int = 200, name: str = "", error: str = "") -> Any:
    """The form of local accounts, or the way to the provider; `target` is where it leads."""
    oidc, guests = request.app.state.web.oidc is not None, request.app.state.guests.kinds.values()
    around = {"next": local_path(target), "oidc": oidc, "guests": list(guests)}
    return render(request, "login.html", status=status, name=name, error=error, **around)


def _asked_for(request: Request) -> str:
    return f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path


async def _field(request: Request) -> str | None:
    form: FormData = await request.form()
    try:
        value = form.get(CSRF_FIELD)
        return value if isinstance(value, str) else None
    finally:
        await form.close()


def _same(given: str, other: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), other.encode())

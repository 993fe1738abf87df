"""One app of all parts: their routes and pages behind the same login, conventions and headers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import iter_route_contexts
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from batch_platform.web import console as shell
from batch_platform.web import docs, health
from batch_platform.web.access import (
    account_pages,
    audit_api,
    audit_pages,
    oidc_pages,
    second_factor_pages,
    token_api,
    token_pages,
    users_api,
    users_pages,
)
from batch_platform.web.access import api as access_api
from batch_platform.web.access import pages as access_pages
from batch_platform.web.access.authentication import GuardMiddleware, IdentityMiddleware, is_public
from batch_platform.web.access.bearers import Bearers
from batch_platform.web.access.dependencies import current, public, requirement_of, requires
from batch_platform.web.access.guests import GuestBook, Guests
from batch_platform.web.access.model import PERMISSIONS, Grants, check_permission
from batch_platform.web.access.oidc.provider import Provider
from batch_platform.web.access.oidc.sessions import Confirmations, OidcSessions
from batch_platform.web.access.prepared import PreparedMiddleware
from batch_platform.web.access.sessions import Sessions
from batch_platform.web.api import problems
from batch_platform.web.api.bodies import BodyLimitMiddleware
from batch_platform.web.api.compression import CompressionMiddleware
from batch_platform.web.api.head import HeadMiddleware
from batch_platform.web.api.idempotency import IdempotencyMiddleware
from batch_platform.web.api.media import MediaMiddleware
from batch_platform.web.api.refusals import forbidden
from batch_platform.web.console import Banner, Console, NavItem
from batch_platform.web.context import WebContext
from batch_platform.web.i18n import LanguageMiddleware
from batch_platform.web.openapi import CONVENTIONS, DocumentedApp, operation_id
from batch_platform.web.request_log import RequestLog, RequestLogMiddleware
from batch_platform.web.security import (
    CorrelationMiddleware,
    FailuresMiddleware,
    HeadersMiddleware,
    ProxyMiddleware,
    RateLimitMiddleware,
)

HOME: Final = "/console"
OWN_PACKAGES: Final = ("batch_platform.web", "batch_platform.web.access")
_OWN_TAGS: Final = {
    "access": "Who is signed in, and what people have done: the audit log. Fields are camelCase.",
    "health": "Whether the process answers, and whether what it needs does; open to everybody.",
}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Part:
    """What a package adds: API routes, pages, navigation, its folders `templates/` and `locale/`, whole apps.

    Every route declares `requires(...)`, those of `opened` paths `public()`: nobody needs to be signed in for them.
    Of these, `linked` ones are written to from anywhere, by a signed link that is itself the permission.
    A mounted app at `/name` is for those with `name:read`; what they may do in it is its own to say. `guests` are
    people whom the package knows by itself, by the kind of their subjects. `banner` stands on every page of the
    console while it says something. `tags` tell of its routes in the API's document, by their tag.
    """

    routers: Sequence[APIRouter] = ()
    pages: Sequence[APIRouter] = ()
    navigation: Sequence[NavItem] = ()
    package: str | None = None
    mounts: Mapping[str, ASGIApp] = field(default_factory=dict)
    opened: frozenset[str] = frozenset()
    linked: frozenset[str] = frozenset()
    guests: Mapping[str, Guests] = field(default_factory=dict)
    banner: Callable[[Request], Banner | None] | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def build_app(
    context: WebContext,
    *,
    parts: Sequence[Part] = (),
    ready: Mapping[str, health.Probe] | None = None,
    grants: Grants = PERMISSIONS,
    actions: Mapping[str, str] = MappingProxyType({}),
    lifespan: Lifespan | None = None,
) -> FastAPI:
    """The app, where roles have the permissions of `grants` and the audit log has the sentences of `actions`.

    Raises `ValueError` for a route that does not say who may call it, and for guests that cannot be.
    """
    packages = [part.package for part in parts if part.package]
    console = Console(
        packages=list(dict.fromkeys([*OWN_PACKAGES, *packages])),
        navigation=[
            users_pages.NAVIGATION,
            token_pages.NAVIGATION,
            audit_pages.NAVIGATION,
            *(item for part in parts for item in part.navigation),
        ],
        environment=context.environment,
        banners=[part.banner for part in parts if part.banner],
    )
    provider = Provider(context.oidc, clock=context.clock) if context.oidc else None
    sessions = Sessions(context, Confirmations(context, provider) if provider else None)
    readiness = health.Readiness(ready or {}, clock=context.clock)
    mounts = {path: app for part in parts for path, app in part.mounts.items()}
    opened = frozenset[str]().union(*(part.opened for part in parts))
    linked = opened & frozenset[str]().union(*(part.linked for part in parts))
    guests = GuestBook({kind: guest for part in parts for kind, guest in part.guests.items()})
    bearers = Bearers(context, provider, guests)
    requests = RequestLog(context)

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app) if lifespan else nullcontext():
            requests.start()
            yield
            await run_in_threadpool(requests.stop)
        bearers.admission.close()
        readiness.close()
        if provider is not None:
            provider.close()

    app = DocumentedApp(
        title="batch_platform",
        version=version("batch-platform"),
        description=CONVENTIONS,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        openapi_tags=[{"name": tag, "description": text} for tag, text in {**_tags(parts), **_OWN_TAGS}.items()],
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        lifespan=running,
        middleware=[
            Middleware(ProxyMiddleware, context.trusted_proxies),
            Middleware(CorrelationMiddleware, context),
            Middleware(RequestLogMiddleware, context, requests),
            Middleware(HeadMiddleware),
            Middleware(CompressionMiddleware),
            Middleware(HeadersMiddleware, context),
            Middleware(LanguageMiddleware, console.languages),
            Middleware(FailuresMiddleware),
            Middleware(BodyLimitMiddleware, context.limits.body_bytes),
            Middleware(IdentityMiddleware, sessions, bearers, grants),
            Middleware(RateLimitMiddleware, context),
            Middleware(GuardMiddleware, context, tuple(mounts), opened, linked),
            Middleware(MediaMiddleware),
            Middleware(IdempotencyMiddleware, context, opened),
            Middleware(PreparedMiddleware),
        ],
    )
    app.state.web, app.state.console = context, console
    app.state.sessions, app.state.guests = sessions, guests
    app.state.oidc = OidcSessions(sessions, provider) if provider else None
    app.state.bearers, app.state.audit_sentences = bearers, actions
    app.session_cookie = sessions.cookie.name
    problems.install(app)
    for router in (
        *(router for part in parts for router in part.routers),
        access_api.router,
        audit_api.router,
        token_api.router,
        users_api.router,
    ):
        app.include_router(router)
    for page in (
        *(page for part in parts for page in part.pages),
        docs.router,
        access_pages.router,
        account_pages.router,
        oidc_pages.router,
        second_factor_pages.router,
        users_pages.router,
        audit_pages.router,
        token_pages.router,
    ):
        app.include_router(page, include_in_schema=False)
    app.include_router(shell.router, dependencies=[public()], include_in_schema=False)
    app.include_router(_signposts([HOME, *mounts]), include_in_schema=False)
    app.include_router(health.build_router(readiness))
    app.mount("/static", console.static)
    for path, mounted in mounts.items():
        app.mount(path, _Permitted(mounted, check_permission(f"{path.strip('/')}:read")))
    check_routes(app, opened)
    return app


def _tags(parts: Sequence[Part]) -> dict[str, str]:
    return {tag: text for part in parts for tag, text in part.tags.items()}


def check_routes(app: FastAPI, opened: Collection[str] = ()) -> None:
    """Raises `ValueError` for a route without a permission, for an open one that is not meant to be, and for one
    that another one hides."""
    known: set[tuple[str, str]] = set()
    for route in iter_route_contexts(app.routes):
        if isinstance(route.original_route, Mount):
            continue
        requirement = requirement_of(route)
        if requirement is None:
            raise ValueError(f"{route.path} declares no permission: dependencies=[requires(...)]")
        if (requirement.permission is None) != is_public(route.path or "", opened):
            raise ValueError(f"{route.path} is public in one place and not in the other")
        places = {(method, re.sub(r"{[^}]*}", "{}", route.path or "")) for method in route.methods or ()}
        if hidden := places & known:
            raise ValueError(f"{route.path} is there twice: {hidden}")
        known |= places


class _Permitted:
    """A mounted app for those who have the permission."""

    def __init__(self, app: ASGIApp, permission: str) -> None:
        self._app = app
        self._permission = permission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not current(HTTPConnection(scope)).may(self._permission):
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 4403})
                return
            raise forbidden(self._permission)
        await self._app(scope, receive, send)


def _signposts(apps: Sequence[str]) -> APIRouter:
    """`/` leads to the console, and a mounted app's bare path into it."""
    router = APIRouter(dependencies=[requires("console:read")])

    def leading(target: str) -> Any:
        async def lead() -> Response:
            return RedirectResponse(target, 307)

        return lead

    home, *mounted = apps
    for path, target in {"/": home, f"{home}/": home, **{path: f"{path}/" for path in mounted}}.items():
        router.add_api_route(path, leading(target), methods=["GET"])
    return router

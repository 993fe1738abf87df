"""Dagster's own UI and GraphQL inside our web: one workspace for all, in which each does what the console lets them.

Dagster's webserver knows no users and executes whatever any page in the browser sends it. Here it stands behind the
login, and Dagster's own permissions refuse mutations and grey the buttons of its UI: those with `batch:execute` may
everything, those who may run a domain's jobs may run what the domain's team owns, and the others change nothing.
What is done stands in the audit log, see `dagster_audit`.
`_make_request_context` is private to Dagster: tests pin what it does.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dagster_webserver.webserver import DagsterWebserver
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from batch_platform.core.failures import NotFound
from batch_platform.operations.dagster.workspace import (
    WorkspaceProcessContext,
    WorkspaceRequestContext,
    operating,
    read_only,
)
from batch_platform.operations.model import REQUESTED_BY_TAG, Registry
from batch_platform.operations.web.dagster_audit import JOURNAL, Journal, record_mutations, record_report
from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.api.problems import problem_of, respond
from batch_platform.web.api.refusals import Refusal, foreign_origin
from batch_platform.web.console import NavItem
from batch_platform.web.context import log_of, web_of
from batch_platform.web.i18n import gettext as _

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH: Final = "/dagster"
NAVIGATION: Final = NavItem(key="dagster", label="Dagster", path=f"{PATH}/", permission="dagster:read", order=80)

_LOOK_SECONDS: Final = 10.0
_SIGNED_OUT: Final = 4401

# Scripts by nonce alone, everything else from here; Dagster's own policy lets any https script in.
_POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'nonce-{nonce}' 'strict-dynamic'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


# Dagster's own page knows nothing of the console: the link floats above it, and above the buttons at its foot.
_WAY_BACK: Final = (
    '<a href="/console" style="position:fixed;right:12px;bottom:72px;z-index:30;padding:6px 14px;border-radius:16px;'
    'background:#1d4f91;color:#fff;font:600 13px sans-serif;text-decoration:none">← {label}</a></body>'
)

icons: Final = APIRouter(dependencies=[requires("dagster:read")])
"""Dagster's page of a run names its icons without the prefix."""


@icons.get("/favicon.svg")
@icons.get("/favicon-run-{state}.svg")
async def icon(request: Request) -> Response:
    return RedirectResponse(f"{PATH}{request.url.path}", 307)


def dagster_mount(process_context: WorkspaceProcessContext, registry: Registry) -> ASGIApp:
    """The app to mount at `PATH`; runs asked for here carry who asks in a tag. The registry knows whose jobs are."""
    app = _Webserver(process_context).create_asgi_app(exception_handlers={HTTPException: _refused})
    stack = app.build_middleware_stack()
    # the outermost of it answers an exception by a bare 500: ours says what happened, and logs it
    return _Guard(stack.app if isinstance(stack, ServerErrorMiddleware) else stack, registry)


class _Webserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    """Dagster's webserver, with a context that fits the caller, an audit log and a policy that fits us."""

    def __init__(self, process_context: WorkspaceProcessContext) -> None:
        super().__init__(process_context, PATH)
        record_mutations(self._graphene_schema.graphql_schema, requested_by_tag=REQUESTED_BY_TAG)

    def _make_request_context(self, conn: HTTPConnection) -> WorkspaceRequestContext:
        context = super()._make_request_context(conn)
        journal: Journal | None = conn.scope[JOURNAL]
        if journal is None:
            return read_only(context)
        return context if journal.owners is None else operating(context, journal.owners)

    async def report_asset_materialization_endpoint(self, request: Request) -> JSONResponse:
        report = super().report_asset_materialization_endpoint
        return await record_report("dagster-asset.report-materialization", request, report)

    async def report_asset_check_endpoint(self, request: Request) -> JSONResponse:
        return await record_report("dagster-asset.report-check", request, super().report_asset_check_endpoint)

    async def report_asset_observation_endpoint(self, request: Request) -> JSONResponse:
        report = super().report_asset_observation_endpoint
        return await record_report("dagster-asset.report-observation", request, report)

    def index_html_endpoint(self, request: Request) -> HTMLResponse:
        """With a way back to the console on every page of the UI."""
        page: HTMLResponse = super().index_html_endpoint(request)
        text = bytes(page.body).decode().replace("</body>", _WAY_BACK.format(label=escape(_("Back to the console"))))
        return HTMLResponse(text, headers={"Content-Security-Policy": page.headers["Content-Security-Policy"]})

    def make_csp_header(self, nonce: str) -> str:
        return _POLICY.format(nonce=nonce)

    def make_security_headers(self) -> dict[str, str]:
        """Ours are on every answer; Dagster's old `Feature-Policy` contradicts one of them."""
        return {}

    async def download_captured_logs_endpoint(self, request: Request) -> Response:
        *key, file = request.path_params["path"].split("/")
        if not all((file, *key)) or not key:
            raise HTTPException(404)
        log: Response = await super().download_captured_logs_endpoint(request)
        return log

    async def download_debug_file_endpoint(self, request: Request) -> Response:
        run_id = request.path_params["run_id"]
        with self.request_context(request) as context:
            if not await run_in_threadpool(context.instance.has_run, run_id):
                raise NotFound("unknown-dagster-run", "run {run} does not exist", run=run_id, field="run_id")
        debug: Response = await super().download_debug_file_endpoint(request)
        return debug

    async def graphql_http_endpoint(self, request: Request) -> Response:
        """By GET Dagster would execute mutations too; here it is good for the playground's page only."""
        if request.method != "POST" and "text/html" not in request.headers.get("accept", ""):
            raise Refusal(405, "graphql-by-post", "GraphQL is asked by POST", headers={"Allow": "POST"})
        if request.method == "POST":
            await _check_graphql(request)
        page: Response = await super().graphql_http_endpoint(request)
        if request.method == "POST":
            return page
        nonce = uuid.uuid4().hex
        icon = f'<head><link rel="icon" href="{PATH}/favicon.png">'
        text = bytes(page.body).decode().replace("<head>", icon).replace("<script", f'<script nonce="{nonce}"')
        return HTMLResponse(text, headers={"Content-Security-Policy": self.make_csp_header(nonce)})


async def _check_graphql(request: Request) -> None:
    """Dagster takes the body to be an object of these; it knows no lists of requests. Raises `Refusal`."""
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        body = None
    texts = ("query", "operationName")
    if (
        not isinstance(body, dict)
        or any(not isinstance(body.get(name), str | None) for name in texts)
        or not isinstance(body.get("variables"), dict | str | None)
    ):
        raise Refusal(
            422, "no-graphql-request", "a GraphQL request is one JSON object of query, variables and operationName"
        )


class _Guard:
    """Refuses what other sites' pages could send, and what a link could do, before Dagster sees it."""

    def __init__(self, app: ASGIApp, registry: Registry) -> None:
        self._app = app
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection = HTTPConnection(scope)
        # Dagster's routes carry the prefix themselves: the mount's must not be taken off a second time.
        root = scope.get("root_path", "").removesuffix(PATH)
        inner = {**scope, "root_path": root, JOURNAL: self._journal(connection)}
        if scope["type"] == "http":
            _check_request(connection)
            await self._app(inner, receive, _kept(connection, send))
        elif _same_origin(connection):
            await self._websocket(connection, inner, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": foreign_origin().detail})

    def _journal(self, connection: HTTPConnection) -> Journal | None:
        """For who may do anything here at all."""
        principal = current(connection)
        if principal.may("batch:execute"):
            return Journal(log_of(connection))
        owners = self._registry.owners_for(principal.may)
        return Journal(log_of(connection), owners) if owners else None

    async def _websocket(self, connection: HTTPConnection, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        ended, look_at = False, loop.time() + _LOOK_SECONDS

        async def receive_while_signed_in() -> Message:
            nonlocal ended, look_at
            while not ended:
                with suppress(TimeoutError):
                    return await asyncio.wait_for(receive(), max(0, look_at - loop.time()))
                ended = not await _may_stay(connection)
                look_at = loop.time() + _LOOK_SECONDS
            return {"type": "websocket.disconnect", "code": _SIGNED_OUT}

        await self._app(scope, receive_while_signed_in, send)
        if ended:
            await send({"type": "websocket.close", "code": _SIGNED_OUT})


async def _may_stay(connection: HTTPConnection) -> bool:
    """Asked again and again for open websockets, which would otherwise outlive their session or token."""
    principal, state = current(connection), connection.app.state
    if principal.via == "token":
        again = await state.bearers.principal(connection)
    else:
        again = await run_in_threadpool(state.sessions.find, principal.session_id)
    return again is not None and again.roles == principal.roles


def _kept(request: HTTPConnection, send: Send) -> Send:
    """Files with their content's hash in the name are fetched once, not at each visit."""

    async def send_kept(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            MutableHeaders(scope=message)["Cache-Control"] = "private, max-age=31536000, immutable"
        await send(message)

    return send_kept if request.url.path.startswith(f"{PATH}/_next/static/") else send


async def _refused(request: Request, error: Exception) -> Response:
    """As everywhere here, where Dagster's app would answer with a bare text."""
    return respond(request, problem_of(error))


def _check_request(request: HTTPConnection) -> None:
    if ".." in request.scope["path"].split("/"):  # its logs have no such place
        raise HTTPException(404)
    if request.scope["method"] in ("GET", "HEAD"):
        return
    if not _same_origin(request):
        raise foreign_origin()
    # A form of a foreign page can send three content types without asking; JSON is none of them.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refusal(415, "graphql-by-json", "only application/json is accepted")


def _same_origin(connection: HTTPConnection) -> bool:
    """Browsers name the origin of every websocket and of everything that acts; other programs name none."""
    origin = connection.headers.get("origin")
    if origin is None or origin == web_of(connection).origin:
        return True
    return urlsplit(origin).netloc == connection.headers.get("host")

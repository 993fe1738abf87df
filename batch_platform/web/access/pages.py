"""Pages of login and logout, and of the audit log."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Form, Query, Request
from pydantic import BeforeValidator
from starlette.responses import RedirectResponse, Response

from batch_platform.core.audit import AuditStore
from batch_platform.core.failures import TransientFailure
from batch_platform.core.surfaces import writes
from batch_platform.web.access import service, sign_in
from batch_platform.web.access.api import beginning
from batch_platform.web.access.authentication import login_page
from batch_platform.web.access.dependencies import current, own_session, public, requires
from batch_platform.web.access.model import Principal
from batch_platform.web.access.oidc import Flow, Provider
from batch_platform.web.access.sessions import KNOWN_FOR, SignedCookie, sessions_of
from batch_platform.web.access.tokens import TokenRefused
from batch_platform.web.api.refusals import Refusal
from batch_platform.web.api.strict import IsoDate, QueryInt, Text
from batch_platform.web.console import NavItem, local_path, redirect, render
from batch_platform.web.context import web_of
from batch_platform.web.i18n import N_, translated
from batch_platform.web.i18n import gettext as _
from batch_platform.web.security import address_of

NAVIGATION: Final = (
    NavItem(key="users", label=N_("Accounts"), path="/console/users", permission="users:manage", order=910),
    NavItem(key="audit", label=N_("Audit log"), path="/console/audit", permission="audit:read", order=920),
)
_ROWS: Final = 50
_FLOW_LASTS: Final = timedelta(minutes=10)
_UNCONFIRMED: Final = N_("The login provider did not confirm who you are.")
_NO_ROLE: Final = N_("Your account has no role here.")
_AWAY: Final = N_("The login provider does not answer. Try again later.")

_log = structlog.get_logger(__name__)

router = APIRouter(include_in_schema=False)

Typed = Annotated[str, Form(max_length=1_000)]
Day = Annotated[IsoDate | None, BeforeValidator(lambda value: value or None)]  # a form sends "" for no day


@router.get("/login", dependencies=[public()])
def login_form(request: Request, target: Annotated[str, Query(alias="next")] = "/console") -> Response:
    if request.scope["principal"] is not None:
        return redirect(request, target)
    return _login(request, target)


@router.post("/login", dependencies=[public()])
@writes("session.start", "sign-in.fail", "sign-in.lock")
def log_in(
    request: Request, name: Typed = "", password: Typed = "", target: Annotated[str, Form(alias="next")] = "/console"
) -> Response:
    """Sign in to a local account."""
    if web_of(request).oidc is not None:
        raise Refusal(404, "local-accounts-off", "local accounts are switched off: sign in by the login provider")
    sessions = sessions_of(request)
    try:
        session_id = sign_in.log_in(
            sessions,
            name,
            password,
            address=address_of(request.scope),
            browser=sessions.visitor.read(request.cookies),
            correlation_id=request.scope["correlation_id"],
        )
    except sign_in.LoginRefused as refused:
        _log.warning("login refused", status=refused.status_code, address=address_of(request.scope))
        page = _login(request, target, status=refused.status_code, name=name, error=translated(refused.detail))
        page.headers.update(refused.headers or {})
        return page
    return _signed_in(request, session_id, target)


@router.post("/logout", dependencies=[own_session()])
@writes("session.end")
def log_out(request: Request) -> Response:
    """End the session, here and in the database."""
    sessions, principal = sessions_of(request), current(request)
    service.log_out(sessions, principal, correlation_id=request.scope["correlation_id"])
    door = request.app.state.guests.sign_in_of(principal) or "/login"
    response = redirect(request, door, message=_("You have signed out."))
    sessions.cookie.delete(response)
    return response


@router.get("/login/oidc", dependencies=[public()])
def log_in_by_provider(request: Request, target: Annotated[str, Query(alias="next")] = "/console") -> Response:
    """Send the browser to the provider."""
    provider, flow = _provider(request), _flow(request, sessions_of(request).new_id())
    try:
        address = provider.authorization_url(flow, redirect_uri=_callback(request))
    except TransientFailure:
        return _login(request, target, status=503, error=_(_AWAY))
    started = int(web_of(request).clock().timestamp())
    travels = json.dumps({"state": flow.state, "next": local_path(target), "started": started})
    response = RedirectResponse(address, 303)
    value = base64.urlsafe_b64encode(travels.encode()).decode()
    SignedCookie(web_of(request), "oidc").set(response, value, age=_FLOW_LASTS)
    return response


@router.get("/login/oidc/callback", dependencies=[public()])
@writes("session.start")
def come_back(request: Request, code: str = "", state: str = "", iss: str | None = None) -> Response:
    """The provider sends the browser back with a code, or with an error, which needs no telling apart."""
    provider, cookie, target = _provider(request), SignedCookie(web_of(request), "oidc"), "/console"
    try:
        travelled = _travelled(request, cookie)
        target = travelled["next"]
        if not code or state != travelled["state"]:
            raise TokenRefused("the callback is not the answer to this browser's login")
        provider.check_issuer(iss)
        principal = provider.redeem(code, _flow(request, state), redirect_uri=_callback(request))
        if not principal.roles:
            _log.warning("login without a role", subject=principal.subject)
            response = _login(request, target, status=403, error=_(_NO_ROLE))
        else:
            response = enter(request, principal, target)
    except TokenRefused as refused:
        _log.warning("login refused", reason=str(refused))
        response = _login(request, target, status=401, error=_(_UNCONFIRMED))
    except TransientFailure:
        response = _login(request, target, status=503, error=_(_AWAY))
    cookie.delete(response)
    return response


def enter(request: Request, principal: Principal, target: str) -> Response:
    """Start a session of somebody whom others vouch for, and go on to `target`."""
    session_id = service.start_session(
        sessions_of(request),
        principal,
        address=address_of(request.scope),
        correlation_id=request.scope["correlation_id"],
    )
    return _signed_in(request, session_id, target)


@router.get("/console/audit", dependencies=[requires("audit:read")])
def audit_page(
    request: Request,
    who: Text = "",
    what: Text = "",
    target: Text = "",
    since: Day = None,
    until: Day = None,
    offset: Annotated[QueryInt, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    rows = AuditStore(web_of(request).pool).rows(
        who=who or None,
        what=what or None,
        target=target or None,
        since=beginning(since),
        until=beginning(until, days=1),
        limit=_ROWS + 1,
        offset=offset,
    )
    return render(
        request,
        "audit.html",
        rows=rows[:_ROWS],
        filters={"who": who, "what": what, "target": target, "since": since, "until": until},
        previous=max(0, offset - _ROWS) if offset else None,
        following=offset + _ROWS if len(rows) > _ROWS else None,
    )


def _login(request: Request, target: str, **more: Any) -> Response:
    response: Response = login_page(request, target=target, **more)
    return response


def _signed_in(request: Request, session_id: str, target: str) -> Response:
    """A fresh session id at every login; one that the browser brought is not used again."""
    sessions, before = sessions_of(request), request.scope["principal"]
    if before is not None:
        service.log_out(sessions, before, correlation_id=request.scope["correlation_id"])
    response = redirect(request, target)
    sessions.cookie.set(response, session_id, age=web_of(request).limits.session_age)
    visitor = sessions.visitor.read(request.cookies)
    if visitor is not None:
        sessions.visitor.set(response, visitor, age=KNOWN_FOR)
    return response


def _travelled(request: Request, cookie: SignedCookie) -> dict[str, Any]:
    value = cookie.read(request.cookies)
    if value is None:
        raise TokenRefused("the browser brings no login under way")
    travelled: dict[str, Any] = json.loads(base64.urlsafe_b64decode(value))
    age = web_of(request).clock().timestamp() - travelled["started"]
    if age > _FLOW_LASTS.total_seconds():
        raise TokenRefused("the login took too long")
    return travelled


def _flow(request: Request, state: str) -> Flow:
    return Flow(state, web_of(request).key("oidc flow 1"))


def _callback(request: Request) -> str:
    return f"{web_of(request).url.rstrip('/')}/login/oidc/callback"


def _provider(request: Request) -> Provider:
    provider: Provider | None = request.app.state.provider
    if provider is None:
        raise Refusal(404, "no-login-provider", "no login provider is set up")
    return provider

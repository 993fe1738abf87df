"""Pages of login and logout."""

from __future__ import annotations

from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from batch_platform.core.surfaces import writes
from batch_platform.web.access import service, sign_in
from batch_platform.web.access.authentication import login_page
from batch_platform.web.access.dependencies import current, own_session, public
from batch_platform.web.access.model import Principal
from batch_platform.web.access.oidc.sessions import OidcSessions
from batch_platform.web.access.sessions import KNOWN_FOR, sessions_of
from batch_platform.web.api.refusals import Refusal
from batch_platform.web.console import redirect, render
from batch_platform.web.context import web_of
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import translated
from batch_platform.web.security import address_of

_log = structlog.get_logger(__name__)

router = APIRouter(include_in_schema=False)

Typed = Annotated[str, Form(max_length=1_000)]


@router.get("/login", dependencies=[public()])
def login_form(request: Request, target: Annotated[str, Query(alias="next")] = "/console") -> Response:
    if request.scope["principal"] is not None:
        return redirect(request, target)
    return login(request, target)


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
        page = login(request, target, status=refused.status_code, name=name, error=translated(refused.detail))
        page.headers.update(refused.headers or {})
        return page
    return signed_in(request, session_id, target)


@router.post("/logout", dependencies=[own_session()])
@writes("session.end")
def log_out(request: Request) -> Response:
    """End the session, here and in the database."""
    sessions, principal = sessions_of(request), current(request)
    oidc: OidcSessions | None = request.app.state.oidc
    address = oidc.logout_url(principal, back_to=f"{web_of(request).url.rstrip('/')}/login") if oidc else None
    service.log_out(sessions, principal, correlation_id=request.scope["correlation_id"])
    if address is not None:
        # a page, for browsers let no form lead to another site, not even by a redirect (`form-action`)
        response: Response = render(request, "signing_out.html", address=address)
    else:
        door = request.app.state.guests.sign_in_of(principal) or "/login"
        response = redirect(request, door, message=_("You have signed out."))
    sessions.cookie.delete(response)
    return response


def enter(request: Request, principal: Principal, target: str) -> Response:
    """Start a session of somebody whom others vouch for, and go on to `target`."""
    session_id = service.start_session(
        sessions_of(request),
        principal,
        address=address_of(request.scope),
        correlation_id=request.scope["correlation_id"],
    )
    return signed_in(request, session_id, target)


def login(request: Request, target: str, **more: Any) -> Response:
    """The page to sign in at, which leads to `target`."""
    response: Response = login_page(request, target=target, **more)
    return response


def signed_in(request: Request, session_id: str, target: str) -> Response:
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

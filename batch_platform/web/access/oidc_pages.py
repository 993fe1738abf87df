"""Routes of sign-in by an OIDC provider: there, back, and the end of a session that the provider tells of."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from datetime import timedelta
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Form, Query, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from batch_platform.core.failures import TransientFailure
from batch_platform.core.surfaces import writes
from batch_platform.web.access import service
from batch_platform.web.access.authentication import BACK_CHANNEL_LOGOUT
from batch_platform.web.access.dependencies import public
from batch_platform.web.access.oidc.provider import Flow, SignIn
from batch_platform.web.access.oidc.sessions import OidcSessions
from batch_platform.web.access.pages import login, signed_in
from batch_platform.web.access.service import Change
from batch_platform.web.access.sessions import SignedCookie
from batch_platform.web.access.tokens import TokenRefused
from batch_platform.web.api.refusals import Refusal
from batch_platform.web.console import local_path, redirect
from batch_platform.web.context import web_of
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _
from batch_platform.web.security import address_of

_FLOW_LASTS: Final = timedelta(minutes=10)
_FLOWS_AT_ONCE: Final = 5
_LONGEST_TOKEN: Final = 8_192
_UNCONFIRMED: Final = N_("The login provider did not confirm who you are.")
_NO_ROLE: Final = N_("Your account has no role here.")
_AWAY: Final = N_("The login provider does not answer. Try again later.")

_log = structlog.get_logger(__name__)

router = APIRouter(include_in_schema=False)


@router.get("/login/oidc", dependencies=[public()])
def log_in_by_provider(request: Request, target: Annotated[str, Query(alias="next")] = "/console") -> Response:
    """Send the browser to the provider. Each tab has a cookie of its own for its way."""
    oidc = _oidc(request)
    flow = _flow(request, oidc.sessions.new_id())
    try:
        address = oidc.provider.authorization_url(flow, redirect_uri=_callback(request))
    except TransientFailure:
        return login(request, target, status=503, error=_(_AWAY))
    started = int(web_of(request).clock().timestamp())
    travels = json.dumps({"state": flow.state, "next": local_path(target), "started": started})
    response = RedirectResponse(address, 303)
    for cookie in _under_way(request)[_FLOWS_AT_ONCE - 1 :]:
        cookie.delete(response)
    value = base64.urlsafe_b64encode(travels.encode()).decode()
    _cookie(request, flow.state).set(response, value, age=_FLOW_LASTS)
    return response


@router.get("/login/oidc/callback", dependencies=[public()])
@writes("session.start", "sign-in.fail")
def come_back(request: Request, code: str = "", state: str = "", iss: str | None = None) -> Response:
    """The provider sends the browser back with a code, or with an error, which needs no telling apart."""
    provider, cookie, target, was_asked = _oidc(request).provider, _cookie(request, state), "/console", False
    try:
        travelled = _travelled(request, cookie)
        target, was_asked = travelled["next"], state == travelled["state"]
        if not code or not was_asked:
            raise TokenRefused("the callback is not the answer to this browser's login")
        provider.check_issuer(iss)
        sign_in = provider.redeem(code, _flow(request, state), redirect_uri=_callback(request))
        if not sign_in.principal.roles:
            _log.warning("login without a role", subject=sign_in.principal.subject)
            _failed(request, sign_in.principal.subject, sign_in.principal.name, "no-role")
            response = login(request, target, status=403, error=_(_NO_ROLE))
        else:
            response = _entered(request, sign_in, target)
    except TokenRefused as refused:
        _log.warning("login refused", reason=str(refused))
        if was_asked:  # whoever has begun no login here fails at none
            _failed(request, f"address:{address_of(request.scope)}", "unknown account", "unconfirmed")
        response = login(request, target, status=401, error=_(_UNCONFIRMED))
    except TransientFailure:
        response = login(request, target, status=503, error=_(_AWAY))
    cookie.delete(response)
    return response


@router.post(BACK_CHANNEL_LOGOUT, dependencies=[public()])
@writes("session.end")
def log_out_by_provider(
    request: Request, logout_token: Annotated[str, Form(max_length=_LONGEST_TOKEN)] = ""
) -> Response:
    """The provider ends sessions: OpenID Connect Back-Channel Logout 1.0. What it has signed is all it needs."""
    oidc = _oidc(request)
    try:
        oidc.end(oidc.provider.read_logout(logout_token), correlation_id=request.scope["correlation_id"])
    except TokenRefused as refused:
        _log.warning("logout token refused", reason=str(refused))
        return JSONResponse({"error": "invalid_request"}, 400)  # as the provider knows it (RFC 6749, 5.2)
    return Response()


def _failed(request: Request, who: str, target: str, reason: str) -> None:
    web = web_of(request)
    change = Change(who, web.clock(), request.scope["correlation_id"])
    service.fail_sign_in(web.pool, target, change, address=address_of(request.scope), reason=reason)


def _entered(request: Request, sign_in: SignIn, target: str) -> Response:
    """A session begins; one of the same person in this browser, which another tab has begun, goes on."""
    oidc, before, now = _oidc(request), request.scope["principal"], web_of(request).clock()
    change = Change(sign_in.principal.subject, now, request.scope["correlation_id"])
    if before is not None and before.session_id and before.subject == sign_in.principal.subject:
        oidc.go_on(before.session_id, before, sign_in, change)
        return redirect(request, target)
    return signed_in(request, oidc.begin(sign_in, change, address=address_of(request.scope)), target)


def _cookie(request: Request, state: str) -> SignedCookie:
    return SignedCookie(web_of(request), f"oidc-{hashlib.sha256(state.encode()).hexdigest()[:16]}")


def _under_way(request: Request) -> list[SignedCookie]:
    """The cookies of logins that other tabs have begun, the newest first."""
    web, begun = web_of(request), []
    for purpose in re.findall(r"batch_platform_(oidc-[0-9a-f]{16})_", " ".join(request.cookies)):
        cookie = SignedCookie(web, purpose)
        value = cookie.read(request.cookies)
        if value is not None:
            begun.append((json.loads(base64.urlsafe_b64decode(value))["started"], cookie))
    return [cookie for _started, cookie in sorted(begun, key=lambda login: login[0], reverse=True)]


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


def _oidc(request: Request) -> OidcSessions:
    oidc: OidcSessions | None = request.app.state.oidc
    if oidc is None:
        raise Refusal(404, "no-login-provider", "no login provider is set up")
    return oidc

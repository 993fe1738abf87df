"""The page of API tokens: made, shown once, listed and revoked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.web.access import token_service as service
from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.access.model import Role, held, roles_of
from batch_platform.web.access.token_api import owner_of, revoke
from batch_platform.web.access.tokens import Tokens, parse_ttl
from batch_platform.web.console import NavItem, Words, field_errors, redirect, render
from batch_platform.web.context import log_of, web_of
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _

PATH: Final = "/console/tokens"
NAVIGATION: Final = NavItem(key="tokens", label=N_("API tokens"), path=PATH, permission="session:read", order=915)
LIFETIMES: Final[Mapping[str, str]] = {
    "1h": N_("1 hour"),
    "8h": N_("8 hours"),
    "24h": N_("24 hours"),
    "30d": N_("30 days (viewers only)"),
    "90d": N_("90 days (viewers only)"),
}
STATES: Final[Words] = {
    "active": (N_("Active"), "good"),
    "expired": (N_("Expired"), "neutral"),
    "revoked": (N_("Revoked"), "bad"),
}
_ROWS: Final = 200

router = APIRouter(include_in_schema=False)

Typed = Annotated[str, Form(max_length=1_000)]


@router.get(PATH, dependencies=[requires("session:read")])
def tokens_page(request: Request) -> Response:
    return _page(request)


@router.post(PATH, dependencies=[requires("session:read")])
@writes(service.ISSUE)
def make_token(
    request: Request,
    name: Typed = "",
    ttl: Typed = "1h",
    acts_as: Typed = "me",
    roles: Annotated[list[str], Form()] = [],  # noqa: B006 (read by the framework, never changed)
) -> Response:
    """Make a token, and show it: this once."""
    web, principal = web_of(request), current(request)
    own = acts_as != "program" or not principal.may(service.MANAGE)
    try:
        token, made = service.make(
            Tokens.of(web.secret),
            log_of(request),
            name=name,
            roles=roles_of(roles),
            ttl=parse_ttl(ttl),
            random=web.random,
            owner=principal if own else None,
        )
    except InvalidInput as error:
        given = {"name": name, "ttl": ttl, "acts_as": acts_as, "chosen": roles}
        return _page(request, status=422, errors=field_errors(error), **given)
    return _page(request, token=token, made=made)


@router.post(f"{PATH}/{{token_id}}/revoke", dependencies=[requires("session:read")])
@writes(service.REVOKE)
def revoke_token(request: Request, token_id: str) -> Response:
    """End a token before its time."""
    try:
        revoke(request, token_id)
    except InvalidInput as error:
        return redirect(request, PATH, message=error.message, tone="bad")
    return redirect(request, PATH, message=_("The token is revoked."))


def _page(request: Request, *, status: int = 200, **values: Any) -> Response:
    web, principal = web_of(request), current(request)
    now = web.clock()
    given: dict[str, Any] = {"name": "", "ttl": "1h", "acts_as": "me", "chosen": [], "errors": {}}
    return render(
        request,
        "tokens.html",
        status=status,
        tokens=[(each, each.state(now)) for each in service.listed(web.pool, owner=owner_of(request), limit=_ROWS)],
        words=STATES,
        lifetimes=LIFETIMES,
        roles=[role for role in Role if role in held(Role, principal.roles)],
        for_programs=principal.may(service.MANAGE),
        **{**given, "token": None, "made": None, **values},
    )

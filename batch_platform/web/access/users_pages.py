"""The page of local accounts, for administrators."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.web.access import second_factor, service, sign_in
from batch_platform.web.access.dependencies import change_of, current, requires
from batch_platform.web.access.model import Role, roles_of
from batch_platform.web.access.sessions import hash_id, sessions_of
from batch_platform.web.console import NavItem, field_errors, redirect, render
from batch_platform.web.context import web_of
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _

PATH: Final = "/console/users"
SESSIONS: Final = "/console/sessions"
NAVIGATION: Final = NavItem(key="users", label=N_("Accounts"), path=PATH, permission="users:manage", order=910)

router = APIRouter(include_in_schema=False)

Typed = Annotated[str, Form(max_length=1_000)]


@router.get(PATH, dependencies=[requires("users:manage")])
def users_page(request: Request) -> Response:
    return _users(request)


@router.post(PATH, dependencies=[requires("users:manage")])
@writes("user.add")
def add_user(
    request: Request,
    name: Typed = "",
    password: Typed = "",
    roles: Annotated[list[str], Form()] = [],  # noqa: B006 (read by the framework, never changed)
) -> Response:
    """Add a local account."""
    try:
        added = service.add_user(web_of(request).pool, name, roles_of(roles), lambda: password, change_of(request))
    except InvalidInput as error:
        return _users(request, status=422, name=name, chosen=roles, errors=field_errors(error))
    message = _("%(name)s can sign in now.", name=name) if added else _("%(name)s has an account already.", name=name)
    return redirect(request, PATH, message=message)


@router.post(PATH + "/{name}/disable", dependencies=[requires("users:manage")])
@writes("user.disable")
def disable_user(request: Request, name: str) -> Response:
    """Keep an account out and end its sessions."""
    return _switched(request, name, enabled=False, message=_("%(name)s is disabled.", name=name))


@router.post(PATH + "/{name}/enable", dependencies=[requires("users:manage")])
@writes("user.enable")
def enable_user(request: Request, name: str) -> Response:
    """Let an account in again."""
    return _switched(request, name, enabled=True, message=_("%(name)s can sign in now.", name=name))


@router.post(PATH + "/{name}/set-roles", dependencies=[requires("users:manage")])
@writes("user.set-roles")
def set_roles(
    request: Request,
    name: str,
    roles: Annotated[list[str], Form()] = [],  # noqa: B006 (read by the framework, never changed)
) -> Response:
    """Replace an account's roles and end its sessions."""
    try:
        changed = service.set_roles(web_of(request).pool, name, roles_of(roles), change_of(request))
    except InvalidInput as error:
        return redirect(request, PATH, message=error.message, tone="bad")
    message = _("%(name)s has other roles now.", name=name) if changed else _("%(name)s has these roles.", name=name)
    return redirect(request, PATH, message=message)


@router.post(PATH + "/{name}/reset-password", dependencies=[requires("users:manage")])
@writes("user.reset-password")
def reset_password(request: Request, name: str, password: Typed = "") -> Response:
    """Give an account another password, and end its sessions and its wait."""
    try:
        service.reset_password(web_of(request).pool, name, lambda: password, change_of(request))
    except InvalidInput as error:
        return redirect(request, PATH, message=error.message, tone="bad")
    return redirect(request, PATH, message=_("%(name)s has another password, to be changed at once.", name=name))


@router.post(PATH + "/{name}/unlock", dependencies=[requires("users:manage")])
@writes("user.unlock")
def unlock_user(request: Request, name: str) -> Response:
    """Let an account that failed to sign in try again at once."""
    try:
        sign_in.unlock_account(web_of(request).pool, name, change_of(request))
    except InvalidInput as error:
        return redirect(request, PATH, message=error.message, tone="bad")
    return redirect(request, PATH, message=_("%(name)s can try again now.", name=name))


@router.post("/console/addresses/unlock", dependencies=[requires("users:manage")])
@writes("address.unlock")
def unlock_address(request: Request, address: Typed = "") -> Response:
    """Let an address from which sign-ins failed try again at once."""
    try:
        sign_in.unlock_address(web_of(request).pool, address, change_of(request))
    except InvalidInput as error:
        return redirect(request, PATH, message=error.message, tone="bad")
    return redirect(request, PATH, message=_("%(name)s can try again now.", name=address))


@router.post(PATH + "/{name}/end-sessions", dependencies=[requires("users:manage")])
@writes("user.end-sessions")
def end_sessions(request: Request, name: str) -> Response:
    """Sign an account out everywhere."""
    try:
        service.end_sessions(web_of(request).pool, name, change_of(request))
    except InvalidInput as error:
        return redirect(request, PATH, message=error.message, tone="bad")
    return redirect(request, PATH, message=_("%(name)s is signed out everywhere.", name=name))


@router.post(PATH + "/{name}/reset-second-factor", dependencies=[requires("users:manage")])
@writes("user.reset-second-factor")
def reset_second_factor(request: Request, name: str) -> Response:
    """Take the second factor of whoever has lost it."""
    try:
        had = second_factor.reset(web_of(request).pool, name, change_of(request))
    except InvalidInput as error:
        return redirect(request, PATH, message=error.message, tone="bad")
    message = _("The second factor of %(name)s is removed.", name=name)
    return redirect(request, PATH, message=message if had else _("%(name)s has no second factor.", name=name))


@router.get(SESSIONS, dependencies=[requires("users:manage")])
def sessions_page(request: Request) -> Response:
    own = hash_id(current(request).session_id or "").hex()
    return render(request, "sessions.html", listed=service.list_sessions(sessions_of(request)), own=own)


@router.post(SESSIONS + "/{session}/end", dependencies=[requires("users:manage")])
@writes("session.end")
def end_session(request: Request, session: str) -> Response:
    """End anybody's session."""
    try:
        service.end_session(web_of(request).pool, session, change_of(request))
    except InvalidInput as error:
        return redirect(request, SESSIONS, message=error.message, tone="bad")
    return redirect(request, SESSIONS, message=_("The session has ended."))


def _switched(request: Request, name: str, *, enabled: bool, message: str) -> Response:
    try:
        service.set_enabled(web_of(request).pool, name, change_of(request), enabled=enabled)
    except InvalidInput as error:
        return redirect(request, PATH, message=error.message, tone="bad")
    return redirect(request, PATH, message=message)


def _users(request: Request, *, status: int = 200, **values: Any) -> Response:
    web = web_of(request)
    given: dict[str, Any] = {"name": "", "chosen": [], "errors": {}} | values
    return render(
        request,
        "users.html",
        status=status,
        accounts=service.users(web.pool),
        locks=sign_in.locks(web.pool, now=web.clock()),
        roles=list(Role),
        oidc=web.oidc,
        **given,
    )

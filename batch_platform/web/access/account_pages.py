"""What people do with their own account: another password, and their sessions."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.core.surfaces import writes
from batch_platform.web.access import service, sign_in
from batch_platform.web.access.dependencies import change_of, current, own_session
from batch_platform.web.access.sessions import hash_id, sessions_of
from batch_platform.web.access.sign_in import Origin
from batch_platform.web.console import field_errors, local_path, redirect, render
from batch_platform.web.context import web_of
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import translated
from batch_platform.web.security import address_of

PATH = "/console/account"

router = APIRouter(include_in_schema=False)

Typed = Annotated[str, Form(max_length=1_000)]


@router.get(PATH, dependencies=[own_session()])
def account_page(request: Request) -> Response:
    principal = current(request)
    own = hash_id(principal.session_id or "").hex()
    listed = service.list_sessions(sessions_of(request), principal.subject)
    return render(request, "account.html", listed=listed, own=own, local=principal.kind == "local")


@router.get(f"{PATH}/password", dependencies=[own_session()])
def password_page(request: Request, target: Annotated[str, Query(alias="next")] = PATH) -> Response:
    return _password_form(request, target)


@router.post(f"{PATH}/password", dependencies=[own_session()])
@writes("user.change-password", "sign-in.fail", "sign-in.lock")
def change_password(
    request: Request,
    present: Annotated[str, Form(alias="current", max_length=1_000)] = "",
    password: Typed = "",
    repeated: Typed = "",
    target: Annotated[str, Form(alias="next")] = PATH,
) -> Response:
    """Choose another password; other sessions end."""
    sessions = sessions_of(request)
    origin = Origin(address_of(request.scope), sessions.visitor.read(request.cookies))
    try:
        if password != repeated:
            raise InvalidInput("passwords-differ", "the two new passwords differ", field="repeated")
        sign_in.change_password(
            sessions, current(request), present, password, origin=origin, change=change_of(request)
        )
    except sign_in.LoginRefused as refused:
        page = _password_form(request, target, status=refused.status_code, errors={"": translated(refused.detail)})
        page.headers.update(refused.headers or {})
        return page
    except InvalidInput as error:
        return _password_form(request, target, status=422, errors=field_errors(error))
    return redirect(request, target, message=_("Your password is changed. Other sessions have ended."))


@router.post(PATH + "/sessions/{session}/end", dependencies=[own_session()])
@writes("session.end")
def end_session(request: Request, session: str) -> Response:
    """End one of one's own sessions."""
    principal = current(request)
    try:
        service.end_session(web_of(request).pool, session, change_of(request), subject=principal.subject)
    except NotFound as error:
        return redirect(request, PATH, message=error.message, tone="bad")
    return redirect(request, PATH, message=_("The session has ended."))


@router.post(f"{PATH}/end-other-sessions", dependencies=[own_session()])
@writes("user.end-sessions")
def end_other_sessions(request: Request) -> Response:
    """End all of one's own sessions but this one."""
    ended = service.end_other_sessions(web_of(request).pool, current(request), change_of(request))
    message = _("Your other sessions have ended.") if ended else _("You have no other session.")
    return redirect(request, PATH, message=message)


def _password_form(
    request: Request, target: str, *, status: int = 200, errors: dict[str, str] | None = None
) -> Response:
    principal = current(request)
    sign_in.local_name(principal)
    values = {"next": local_path(target, PATH), "errors": errors or {}, "due": principal.due == "password"}
    return render(request, "password.html", status=status, **values)

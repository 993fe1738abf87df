"""The second factor of one's own account: enrolled, shown at the sign-in, removed."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import Response

from batch_platform.core.failures import InvalidInput
from batch_platform.core.surfaces import writes
from batch_platform.web.access import account_pages, second_factor, sign_in
from batch_platform.web.access.dependencies import change_of, current, own_session
from batch_platform.web.access.sessions import sessions_of
from batch_platform.web.access.sign_in import Origin
from batch_platform.web.console import field_errors, local_path, redirect, render
from batch_platform.web.context import web_of
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import translated
from batch_platform.web.security import address_of

PATH: Final = f"{account_pages.PATH}/second-factor"
VERIFY: Final = f"{PATH}/verify"

router = APIRouter(include_in_schema=False)

Code = Annotated[str, Form(max_length=100)]
Target = Annotated[str, Form(alias="next")]


@router.get(PATH, dependencies=[own_session()])
def second_factor_page(request: Request, target: Annotated[str, Query(alias="next")] = PATH) -> Response:
    return _page(request, target)


@router.post(PATH, dependencies=[own_session()])
@writes("user.enrol-second-factor")
def enrol(request: Request, code: Code = "", target: Target = PATH) -> Response:
    """Ask for codes of the authenticator that has just been set up from now on."""
    try:
        codes = second_factor.enrol(sessions_of(request), current(request), code, change_of(request))
    except InvalidInput as error:
        return _page(request, target, status=422, errors=field_errors(error))
    return render(request, "recovery_codes.html", codes=codes, next=local_path(target, PATH))


@router.post(f"{PATH}/remove", dependencies=[own_session()])
@writes("user.remove-second-factor", "sign-in.fail", "sign-in.lock")
def remove(request: Request, code: Code = "") -> Response:
    """Ask for none any more."""
    try:
        second_factor.remove(
            sessions_of(request), current(request), code, origin=_origin(request), change=change_of(request)
        )
    except (InvalidInput, sign_in.LoginRefused) as error:
        return _refused(_page, request, PATH, error)
    return redirect(request, account_pages.PATH, message=_("Your account has no second factor any more."))


@router.get(VERIFY, dependencies=[own_session()])
def verify_page(request: Request, target: Annotated[str, Query(alias="next")] = account_pages.PATH) -> Response:
    if current(request).due != "second-factor":
        return redirect(request, target)
    return _verify_form(request, target)


@router.post(VERIFY, dependencies=[own_session()])
@writes("session.verify", "sign-in.fail", "sign-in.lock")
def verify(request: Request, code: Code = "", target: Target = account_pages.PATH) -> Response:
    """Show the second factor; the session goes on under another id."""
    sessions = sessions_of(request)
    try:
        renewed = second_factor.verify(
            sessions, current(request), code, origin=_origin(request), change=change_of(request)
        )
    except (InvalidInput, sign_in.LoginRefused) as error:
        return _refused(_verify_form, request, target, error)
    response = redirect(request, target)
    sessions.cookie.set(response, renewed, age=web_of(request).limits.session_age)
    return response


def _origin(request: Request) -> Origin:
    return Origin(address_of(request.scope), sessions_of(request).visitor.read(request.cookies))


def _refused(page: Any, request: Request, target: str, error: InvalidInput | sign_in.LoginRefused) -> Response:
    if isinstance(error, InvalidInput):
        response: Response = page(request, target, status=422, errors=field_errors(error))
        return response
    response = page(request, target, status=error.status_code, errors={"": translated(error.detail)})
    response.headers.update(error.headers or {})
    return response


def _page(request: Request, target: str, *, status: int = 200, errors: dict[str, str] | None = None) -> Response:
    web, principal = web_of(request), current(request)
    name = sign_in.local_name(principal)
    values: dict[str, Any] = {
        "due": principal.due == "enrolment",
        "errors": errors or {},
        "next": local_path(target, PATH),
        "enrolled": second_factor.is_enrolled(web.pool, name),
    }
    if values["enrolled"]:
        values["left"] = second_factor.recovery_codes_left(web.pool, name)
    else:
        enrolment = second_factor.enrolment(web, principal)
        values |= {"secret": enrolment.secret, "qr": enrolment.qr()}
    return render(request, "second_factor.html", status=status, **values)


def _verify_form(
    request: Request, target: str, *, status: int = 200, errors: dict[str, str] | None = None
) -> Response:
    values = {"errors": errors or {}, "next": local_path(target, account_pages.PATH)}
    return render(request, "verify.html", status=status, **values)

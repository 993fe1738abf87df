"""`/api/accounts` and `/api/sessions`: local accounts and who is signed in, for who manages them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Body, Path, Query, Request, Response
from pydantic import Field

from batch_platform.core.surfaces import writes
from batch_platform.web.access import second_factor, service, sign_in
from batch_platform.web.access.dependencies import change_of, requires
from batch_platform.web.access.model import Role
from batch_platform.web.access.sessions import sessions_of
from batch_platform.web.api.answers import Answer
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import StrictModel, Text
from batch_platform.web.context import web_of

router = APIRouter(prefix="/api", tags=["access"])

MANAGE: Final = requires("users:manage")
AccountName = Annotated[Text, Path(alias="name", description="The account.", examples=["hanako"])]
SessionId = Annotated[Text, Path(alias="id", description="The session, as it is listed.")]
_BYTE = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_ADDRESS = rf"^({_BYTE}(\.{_BYTE}){{3}}|[0-9a-f]{{1,4}}(:[0-9a-f]{{1,4}}){{7}})$"
Password = Annotated[Text, Field(description="Its owner has to choose another at the first sign-in.")]


class AccountAnswer(Answer):
    """A local account."""

    name: str
    roles: list[Role]
    enabled: bool
    created_at: datetime
    last_login_at: datetime | None
    second_factor: bool


class AccountChangeAnswer(Answer):
    """`changed` is false where it was so already."""

    name: str
    changed: bool


class SignedInAnswer(Answer):
    """A session of a browser; `id` ends it, and is of no other use."""

    id: str
    subject: str
    name: str
    address: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class RolesRequest(StrictModel):
    """The roles that an account has from now on."""

    roles: list[Annotated[Role, Field(strict=False)]] = Field(min_length=1, examples=[["operator"]])


class NewAccountRequest(RolesRequest):
    """An account to be added."""

    name: Text = Field(examples=["hanako"])
    password: Password


class PasswordRequest(StrictModel):
    """Another password."""

    password: Password


class AddressRequest(StrictModel):
    """An IP address."""

    address: Text = Field(examples=["192.0.2.7"], json_schema_extra={"pattern": _ADDRESS})


@router.get("/accounts", dependencies=[MANAGE])
def read_users(request: Request) -> Envelope[list[AccountAnswer]]:
    """All local accounts, by name."""
    return Envelope(data=[AccountAnswer.of(user) for user in service.users(web_of(request).pool)])


@router.post(
    "/accounts",
    status_code=201,
    dependencies=[MANAGE],
    responses={200: {"description": "It was there.", "model": Envelope[AccountChangeAnswer]}, **documented(409)},
)
@writes("user.add")
def add_account(
    request: Request, response: Response, given: Annotated[NewAccountRequest, Body()]
) -> Envelope[AccountChangeAnswer]:
    """Add an account. 409 where the name is taken by one with other roles."""
    pool, change = web_of(request).pool, change_of(request)
    added = service.add_user(pool, given.name, frozenset(given.roles), lambda: given.password, change)
    response.status_code = 201 if added else 200
    return _changed(given.name, added)


@router.post("/accounts/{name}/set-roles", dependencies=[MANAGE], responses=documented(404, 409))
@writes("user.set-roles")
def set_roles(request: Request, name: AccountName, given: RolesRequest) -> Envelope[AccountChangeAnswer]:
    """Replace an account's roles, ending its sessions. 409 for the last administrator."""
    return _changed(name, service.set_roles(web_of(request).pool, name, frozenset(given.roles), change_of(request)))


@router.post("/accounts/{name}/reset-password", dependencies=[MANAGE], responses=documented(404))
@writes("user.reset-password")
def reset_password(request: Request, name: AccountName, given: PasswordRequest) -> Envelope[AccountChangeAnswer]:
    """Give an account another password, ending its sessions and its wait."""
    service.reset_password(web_of(request).pool, name, lambda: given.password, change_of(request))
    return _changed(name, True)


@router.post("/accounts/{name}/disable", dependencies=[MANAGE], responses=documented(404, 409))
@writes("user.disable")
def disable_account(request: Request, name: AccountName) -> Envelope[AccountChangeAnswer]:
    """Keep an account out, at once and everywhere. 409 for the last administrator."""
    return _changed(name, service.set_enabled(web_of(request).pool, name, change_of(request), enabled=False))


@router.post("/accounts/{name}/enable", dependencies=[MANAGE], responses=documented(404))
@writes("user.enable")
def enable_account(request: Request, name: AccountName) -> Envelope[AccountChangeAnswer]:
    """Let an account in again."""
    return _changed(name, service.set_enabled(web_of(request).pool, name, change_of(request), enabled=True))


@router.post("/accounts/{name}/unlock", dependencies=[MANAGE], responses=documented(404))
@writes("user.unlock")
def unlock_account(request: Request, name: AccountName) -> Envelope[AccountChangeAnswer]:
    """Let an account that failed to sign in try again at once."""
    return _changed(name, sign_in.unlock_account(web_of(request).pool, name, change_of(request)))


@router.post("/accounts/{name}/reset-second-factor", dependencies=[MANAGE], responses=documented(404))
@writes("user.reset-second-factor")
def reset_second_factor(request: Request, name: AccountName) -> Envelope[AccountChangeAnswer]:
    """Take the second factor of whoever has lost it, ending the sessions."""
    return _changed(name, second_factor.reset(web_of(request).pool, name, change_of(request)))


@router.post("/accounts/{name}/end-sessions", dependencies=[MANAGE], responses=documented(404))
@writes("user.end-sessions")
def end_sessions(request: Request, name: AccountName) -> Envelope[AccountChangeAnswer]:
    """Sign an account out everywhere; it can sign in again."""
    return _changed(name, service.end_sessions(web_of(request).pool, name, change_of(request)) > 0)


@router.post("/addresses/unlock", dependencies=[MANAGE])
@writes("address.unlock")
def unlock_address(request: Request, given: AddressRequest) -> Envelope[AccountChangeAnswer]:
    """Let an address from which sign-ins failed try again at once."""
    unlocked = sign_in.unlock_address(web_of(request).pool, given.address, change_of(request))
    return _changed(given.address, unlocked)


@router.get("/sessions", dependencies=[MANAGE])
def read_sessions(
    request: Request,
    subject: Annotated[Text | None, Query(description="Whose: local:NAME of an account; all without it.")] = None,
) -> Envelope[list[SignedInAnswer]]:
    """The browsers that are signed in."""
    listed = service.list_sessions(sessions_of(request), subject)
    return Envelope(data=[SignedInAnswer.of(session) for session in listed])


@router.post("/sessions/{id}/end", dependencies=[MANAGE], responses=documented(404))
@writes("session.end")
def end_session(request: Request, session_id: SessionId) -> Envelope[None]:
    """Sign one browser out."""
    service.end_session(web_of(request).pool, session_id, change_of(request))
    return Envelope(data=None)


def _changed(name: str, changed: bool) -> Envelope[AccountChangeAnswer]:
    return Envelope(data=AccountChangeAnswer(name=name, changed=changed))

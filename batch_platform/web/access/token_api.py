"""`/api/access-tokens`: one's own API tokens, everybody's for who manages them. New ones are made in the console."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, Request
from starlette.requests import HTTPConnection

from batch_platform.core.surfaces import writes
from batch_platform.web.access import token_service as service
from batch_platform.web.access.dependencies import Requirement, current, requires
from batch_platform.web.access.model import Role
from batch_platform.web.api.answers import Answer
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented
from batch_platform.web.api.refusals import forbidden
from batch_platform.web.api.strict import QueryBool
from batch_platform.web.context import log_of, web_of

router = APIRouter(prefix="/api/access-tokens", tags=["access"])


class ApiTokenAnswer(Answer):
    """What is known of a token, never the token itself.

    `owner` is the subject of the person it acts as, null of a program's own. `lastUsedAt` is right to the minute.
    """

    id: str
    name: str
    owner: str | None
    roles: list[Role]
    state: Literal["active", "expired", "revoked"]
    made_by: str | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


class RevokedTokenAnswer(Answer):
    """`changed` is false for one that was revoked before."""

    id: str
    changed: bool


TokenId = Annotated[str, Path(alias="id", description="The token's id, its claim `jti`.", max_length=100)]


def owner_of(request: Request) -> str | None:
    """Whose tokens whoever asks may see and revoke; None: everybody's."""
    principal = current(request)
    return None if principal.may(service.MANAGE) else principal.subject


class OwnTokens(Requirement):
    """Everybody with a role, by a token too: who finds one in foreign hands can end it by itself."""

    def admit(self, connection: HTTPConnection, permission: str) -> None:
        if not current(connection).may(permission):
            raise forbidden(permission)


OWN: Final = requires(OwnTokens("session:read"))


@router.get("", dependencies=[OWN])
def read_tokens(
    request: Request,
    all_states: Annotated[QueryBool, Query(alias="all", description="Expired and revoked ones too.")] = False,
) -> Envelope[list[ApiTokenAnswer]]:
    """One's own tokens, everybody's with the permission tokens:manage; the newest first."""
    web = web_of(request)
    now = web.clock()
    tokens = service.listed(web.pool, owner=owner_of(request), living_at=None if all_states else now)
    return Envelope(data=[ApiTokenAnswer.of(token, state=token.state(now)) for token in tokens])


@router.post("/{id}/revoke", dependencies=[OWN], responses=documented(404))
@writes(service.REVOKE)
def revoke_token(request: Request, token_id: TokenId) -> Envelope[RevokedTokenAnswer]:
    """End a token before its time: it is refused at once, and its websockets end."""
    return Envelope(data=RevokedTokenAnswer(id=token_id, changed=revoke(request, token_id)))


def revoke(request: Request, token_id: str) -> bool:
    """End a token of whoever asks, or anybody's for who may; False when it was ended before. Raises `NotFound`."""
    return service.revoke(log_of(request), token_id, owner=owner_of(request))

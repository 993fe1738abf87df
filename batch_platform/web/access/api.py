"""`/api/session`: who am I."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request

from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.access.model import Role
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.strict import StrictModel

router = APIRouter(prefix="/api", tags=["access"])


class SessionAnswer(StrictModel):
    """Who asks, and what that one may do; `*:read` stands for every permission to read, `*` for all."""

    subject: str
    name: str
    roles: list[Role]
    permissions: list[str]
    via: Literal["session", "token"]


@router.get("/session", dependencies=[requires("session:read")])
def read_session(request: Request) -> Envelope[SessionAnswer]:
    """Who am I."""
    principal = current(request)
    roles = sorted(principal.roles)
    answer = SessionAnswer(
        subject=principal.subject,
        name=principal.name,
        roles=roles,
        permissions=sorted(principal.permissions),
        via=principal.via,
    )
    return Envelope(data=answer)

"""`/api/session`: who am I; `/api/audit`: who changed what."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request

from batch_platform.core import cursors
from batch_platform.core.audit import AuditStore
from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.web.access.dependencies import current, requires
from batch_platform.web.access.model import Role
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.paging import Page, PageQuery
from batch_platform.web.api.strict import IsoDate, StrictModel, Text
from batch_platform.web.context import web_of

router = APIRouter(prefix="/api", tags=["access"])


class SessionAnswer(StrictModel):
    """Who asks, and what that one may do; `*:read` stands for every permission to read, `*` for all."""

    subject: str
    name: str
    roles: list[Role]
    permissions: list[str]
    via: Literal["session", "token"]


class AuditAnswer(StrictModel):
    """One change; `before` and `after` are as the change's own kind has them, secrets masked.

    `outcome` is what became of a change that another system was asked for; until then `settledAt` is null.
    """

    id: int
    at: datetime
    who: str
    what: str
    target: str
    before: Any
    after: Any
    correlation_id: str | None
    outcome: str | None
    settled_at: datetime | None


Word = Annotated[Text | None, Query(min_length=1)]


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


@router.get("/audit", dependencies=[requires("audit:read")])
def read_audit(
    request: Request,
    page: Annotated[PageQuery, Depends()],
    who: Word = None,
    what: Annotated[Text | None, Query(min_length=1, description="A `thing.verb` or a thing.")] = None,
    target: Word = None,
    since: Annotated[IsoDate | None, Query(description="The first day, of Asia/Tokyo.")] = None,
    until: Annotated[IsoDate | None, Query(description="The last day, of Asia/Tokyo.")] = None,
) -> Envelope[Page[AuditAnswer]]:
    """Changes, newest first."""
    rows = AuditStore(web_of(request).pool).rows(
        who=who,
        what=what,
        target=target,
        since=beginning(since),
        until=beginning(until, days=1),
        before_id=page.after(id=int).get("id"),
        limit=page.limit + 1,
        offset=page.offset,
    )
    shown, following = cursors.cut(rows, page.limit, lambda row: {"id": row.id})
    return Envelope(data=Page(items=[AuditAnswer(**vars(row)) for row in shown], next_cursor=following))


def beginning(day: date | None, *, days: int = 0) -> datetime | None:
    """The instant at which the day, or one some days later, begins in Tokyo."""
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=days), time(), BUSINESS_ZONE).astimezone(UTC)

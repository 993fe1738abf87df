"""`/api/audit`: who changed what, a page at a time or as a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import StreamingResponse

from batch_platform.core import cursors
from batch_platform.core.audit import EXPORT, AuditStore
from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.surfaces import writes
from batch_platform.web.access.audit_export import COLUMNS, MEDIA, Format, exported
from batch_platform.web.access.audit_sentences import sentence, sentences_of
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.paging import Page, PageQuery
from batch_platform.web.api.strict import IsoDate, StrictModel, Text
from batch_platform.web.context import log_of, web_of

_ROWS: Final = {"type": "array", "items": {"type": "object", "properties": {column: {} for column in COLUMNS}}}

router = APIRouter(prefix="/api/audit", tags=["access"])


class AuditAnswer(StrictModel):
    """One change; `before` and `after` are as the change's own kind has them, secrets masked.

    `sentence` tells it in the reader's language. `outcome` is what became of a change that another system was asked
    for; until then `settledAt` is null.
    """

    id: int
    at: datetime
    who: str
    what: str
    sentence: str
    target: str
    before: Any
    after: Any
    correlation_id: str | None
    outcome: str | None
    settled_at: datetime | None


@dataclass(frozen=True)
class AuditQuery:
    """What narrows the log."""

    who: Annotated[
        Text | None, Query(min_length=1, description="A subject, or the name of an account or a token.")
    ] = None
    what: Annotated[Text | None, Query(min_length=1, description="A `thing.verb` or a thing.")] = None
    target: Annotated[Text | None, Query(min_length=1, description="What it was done to.")] = None
    since: Annotated[IsoDate | None, Query(description="The first day, of Asia/Tokyo.")] = None
    until: Annotated[IsoDate | None, Query(description="The last day, of Asia/Tokyo.")] = None

    def filters(self) -> dict[str, Any]:
        return {**asdict(self), "since": beginning(self.since), "until": beginning(self.until, days=1)}


Filters = Annotated[AuditQuery, Depends()]


@router.get("", dependencies=[requires("audit:read")])
def read_audit(
    request: Request, query: Filters, page: Annotated[PageQuery, Depends()]
) -> Envelope[Page[AuditAnswer]]:
    """Changes, newest first."""
    place: dict[str, Any] = {
        "before_id": page.after(id=int).get("id"),
        "limit": page.limit + 1,
        "offset": page.offset,
    }
    rows = AuditStore(web_of(request).pool).rows(**query.filters(), **place)
    shown, following = cursors.cut(rows, page.limit, lambda row: {"id": row.id})
    sentences = sentences_of(request)
    items = [AuditAnswer(**vars(row), sentence=sentence(row, sentences)) for row in shown]
    return Envelope(data=Page(items=items, next_cursor=following))


@router.get(
    "/export",
    dependencies=[requires("audit:read")],
    response_class=StreamingResponse,
    responses={200: {"description": "All rows.", "content": {"text/csv": {}, "application/json": {"schema": _ROWS}}}},
)
@writes(EXPORT)
def export_audit(
    request: Request, query: Filters, kind: Annotated[Format, Query(alias="format")] = "csv"
) -> StreamingResponse:
    """Every change that matches, newest first; that it was taken out is written into the log too."""
    parts = exported(log_of(request), kind, sentences_of(request), query.filters())
    headers = {"Content-Disposition": f'attachment; filename="audit.{kind}"', "Cache-Control": "no-store"}
    return StreamingResponse(parts, media_type=MEDIA[kind], headers=headers)


def beginning(day: date | None, *, days: int = 0) -> datetime | None:
    """The instant at which the day, or one some days later, begins in Tokyo."""
    if day is None:
        return None
    return datetime.combine(day + timedelta(days=days), time(), BUSINESS_ZONE).astimezone(UTC)

"""The page of the audit log."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from batch_platform.core.audit import AuditStore
from batch_platform.web.access.audit_api import AuditQuery
from batch_platform.web.access.audit_sentences import OUTCOMES, labels, linked, outcome, sentences_of
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.strict import IsoDate, QueryInt, Text
from batch_platform.web.console import NavItem, render, url_with
from batch_platform.web.context import web_of
from batch_platform.web.i18n import N_

NAVIGATION: Final = NavItem(
    key="audit", label=N_("Audit log"), path="/console/audit", permission="audit:read", order=920
)
_ROWS: Final = 50

router = APIRouter(include_in_schema=False)

Day = Annotated[IsoDate | None, BeforeValidator(lambda value: value or None)]  # a form sends "" for no day


@router.get("/console/audit", dependencies=[requires("audit:read")])
def audit_page(
    request: Request,
    who: Text = "",
    what: Text = "",
    target: Text = "",
    since: Day = None,
    until: Day = None,
    offset: Annotated[QueryInt, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    query = AuditQuery(who or None, what or None, target or None, since, until)
    rows = AuditStore(web_of(request).pool).rows(**query.filters(), limit=_ROWS + 1, offset=offset)
    sentences = sentences_of(request)

    def narrowed(**filters: str) -> str:
        return url_with(request, offset=None, **filters)

    entries = [
        (row, linked(row, sentences, who=narrowed(who=row.who), target=narrowed(target=row.target)), outcome(row))
        for row in rows[:_ROWS]
    ]
    choices = labels(sentences)
    return render(
        request,
        "audit.html",
        entries=entries,
        outcomes=OUTCOMES,
        actions=choices if not what or what in sentences else [(what, what), *choices],
        filters={"who": who, "what": what, "target": target, "since": since, "until": until},
        exports={kind: _export(request, kind) for kind in ("csv", "json")},
        previous=max(0, offset - _ROWS) if offset else None,
        following=offset + _ROWS if len(rows) > _ROWS else None,
    )


def _export(request: Request, kind: str) -> str:
    """The file of what the page shows; filters that are empty are left out."""
    empty = {name: None for name, value in request.query_params.items() if not value}
    address = url_with(request, **{**empty, "offset": None, "format": kind})
    return address.replace(request.url.path, "/api/audit/export", 1)

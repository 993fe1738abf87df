"""The page at which advertising is declined: whoever has a notice's link needs no account.

A mail program declines for its reader by POST to the same address (RFC 8058). Looking at it changes nothing: programs
that check links would decline for everybody.
"""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request, Response

from batch_platform.core.audit import Log
from batch_platform.core.surfaces import writes
from batch_platform.outbox import service
from batch_platform.outbox.links import PATH
from batch_platform.outbox.web.actions import DECLINE
from batch_platform.outbox.web.context import Context
from batch_platform.web.access.dependencies import public
from batch_platform.web.console import render
from batch_platform.web.context import web_of

WHO = "recipient"
"""In the audit log: the link proves no more."""

router = APIRouter(include_in_schema=False, dependencies=[public()])


@router.get(PATH)
def ask_to_decline(request: Request, context: Context) -> Response:
    """What would be declined, and the button for it."""
    return _page(request, service.declining(context, request.url.query).recipient, done=False)


@router.post(PATH)
@writes(DECLINE)
def decline(request: Request, context: Context) -> Response:
    """Decline the advertising of the notice's domain; again is as good as once."""
    web = web_of(request)
    log = Log(web.pool, web.clock, WHO, correlation_id=request.scope.get("correlation_id"))
    notice = service.decline(context, request.url.query, record=partial(log.record))
    return _page(request, notice.recipient, done=True)


def _page(request: Request, recipient: str, *, done: bool) -> Response:
    return render(request, "outbox/unsubscribe.html", recipient=recipient, done=done, action=str(request.url.query))

"""What routes and pages of the outbox work with."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Request, Response

from batch_platform.kit.domain import AppContext
from batch_platform.kit.requests import session_on, state_of
from batch_platform.kit.session import Session
from batch_platform.outbox import opening
from batch_platform.outbox.service import OutboxContext
from batch_platform.outbox.web import words
from batch_platform.web.access.dependencies import requires
from batch_platform.web.console import render

HOME: Final = "/console/outbox"
READ: Final = [requires("outbox:read")]
FRAMED: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "frame-ancestors 'self'",
        "sandbox",
    )
)
"""For the HTML of a mail, which anybody's texts are part of: no script, no form, nothing from elsewhere."""


def open_state(app: AppContext) -> OutboxContext:
    """The use cases' context, on the web's own connections."""
    return opening.build(app.settings, app.web.pool, app.templates, clock=app.web.clock)


Context = Annotated[OutboxContext, state_of("outbox")]
Acting = Annotated[Session[OutboxContext], session_on("outbox")]


def page(request: Request, name: str, context: OutboxContext, **values: Any) -> Response:
    """A page of the outbox."""
    mailbox = context.mailbox is not None
    return render(request, f"outbox/{name}.html", words=words, outbox_home=HOME, has_mailbox=mailbox, **values)


def framed(html: str | None) -> Response:
    """The HTML of a mail for a frame of a page of ours, and for nothing else."""
    headers = {"Content-Security-Policy": FRAMED, "X-Frame-Options": "SAMEORIGIN"}
    return Response(html or "", media_type="text/html; charset=utf-8", headers=headers)

"""What routes and pages of zengin work with."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Request, Response

from batch_platform.kit.domain import AppContext
from batch_platform.kit.requests import session_on, state_of
from batch_platform.kit.session import Session
from batch_platform.web.console import render
from batch_platform.web.package_files import PackageFiles
from batch_platform.zengin import letters
from batch_platform.zengin.opening import open_context
from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.web import words

HOME: Final = "/console/zengin"
FILES: Final = PackageFiles(
    "batch_platform.zengin.web", f"{HOME}/files", "review.js", "review.css", permission="zengin:read"
)


def open_state(app: AppContext) -> ZenginContext:
    """The use cases' context; the bank master may have a database of its own."""
    return app.opened.enter_context(open_context(app.settings))


Context = Annotated[ZenginContext, state_of("zengin")]
Acting = Annotated[Session[ZenginContext], session_on("zengin")]


def page(request: Request, name: str, **values: Any) -> Response:
    """A page of zengin."""
    now = request.app.state.zengin.clock()
    return render(request, f"zengin/{name}.html", words=words, letters=letters, asset=FILES.url, now=now, **values)

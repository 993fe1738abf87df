"""What routes and pages of zengin work with."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

from fastapi import Depends, Request, Response

from batch_platform.kit import session
from batch_platform.kit.domain import AppContext
from batch_platform.kit.session import Session
from batch_platform.web.console import render
from batch_platform.web.package_files import PackageFiles
from batch_platform.zengin import letters
from batch_platform.zengin.opening import open_work
from batch_platform.zengin.service import ZenginContext
from batch_platform.zengin.web import words

HOME: Final = "/console/zengin"
FILES: Final = PackageFiles(
    "batch_platform.zengin.web", f"{HOME}/files", "review.js", "review.css", permission="zengin:read"
)


def open_state(app: AppContext) -> ZenginContext:
    """The use cases' context; the bank master may have a database of its own."""
    return app.opened.enter_context(open_work(app.settings))


async def work_of(request: Request) -> ZenginContext:
    """What the server put into the app's state. (A coroutine costs no thread.)"""
    return cast(ZenginContext, request.app.state.zengin)


async def session_of(request: Request) -> Session[ZenginContext]:
    """Whoever asks, with the use cases' context."""
    return session.of_request(request, await work_of(request))


Work = Annotated[ZenginContext, Depends(work_of)]
Acting = Annotated[Session[ZenginContext], Depends(session_of)]


def page(request: Request, name: str, **values: Any) -> Response:
    """A page of zengin."""
    now = request.app.state.zengin.clock()
    return render(request, f"zengin/{name}.html", words=words, letters=letters, asset=FILES.url, now=now, **values)

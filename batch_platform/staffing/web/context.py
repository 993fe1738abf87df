"""What routes and pages of staffing work with."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from batch_platform.kit import session
from batch_platform.kit.domain import AppContext
from batch_platform.kit.session import Session
from batch_platform.staffing.opening import open_work
from batch_platform.staffing.service import StaffingContext


def open_state(app: AppContext) -> StaffingContext:
    """The use cases' context of this process."""
    return app.opened.enter_context(open_work(app.settings))


async def work_of(connection: HTTPConnection) -> StaffingContext:
    """What the server put into the app's state. (A coroutine costs no thread.)"""
    return cast(StaffingContext, connection.app.state.staffing)


async def session_of(request: Request) -> Session[StaffingContext]:
    """Whoever asks, with the use cases' context."""
    return session.of_request(request, await work_of(request))


Work = Annotated[StaffingContext, Depends(work_of)]
Acting = Annotated[Session[StaffingContext], Depends(session_of)]

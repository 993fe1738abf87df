"""What routes and pages of btc work with: the use cases' context in the hands of whoever asks."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Request

from batch_platform.btc.actions import Acting
from batch_platform.btc.opening import open_work
from batch_platform.btc.service import BtcContext
from batch_platform.kit import session
from batch_platform.kit.domain import AppContext

HOME: Final = "/console/admin/batch-operations"


def open_state(app: AppContext) -> BtcContext:
    """It holds nothing that has to be closed."""
    return open_work(app.settings, clock=app.web.clock)


async def _session(request: Request) -> Acting:
    """Who asks, on what the server put into the app's state. (A coroutine costs no thread.)"""
    return session.of_request(request, request.app.state.btc)


Caller = Annotated[Acting, Depends(_session)]

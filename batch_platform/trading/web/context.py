"""What routes and pages of trading work with."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Query, Request
from starlette.requests import HTTPConnection

from batch_platform.kit import session
from batch_platform.kit.domain import AppContext
from batch_platform.kit.session import Session
from batch_platform.trading.opening import open_work
from batch_platform.trading.service import TradingContext
from batch_platform.web.api.strict import Text


def open_state(app: AppContext) -> TradingContext:
    """The use cases' context of this process."""
    return app.opened.enter_context(open_work(app.settings))


async def work_of(connection: HTTPConnection) -> TradingContext:
    """What the server put into the app's state. (A coroutine costs no thread.)"""
    return cast(TradingContext, connection.app.state.trading)


async def session_of(request: Request) -> Session[TradingContext]:
    """Whoever asks, with the use cases' context."""
    return session.of_request(request, await work_of(request))


Work = Annotated[TradingContext, Depends(work_of)]
Acting = Annotated[Session[TradingContext], Depends(session_of)]


async def campaign_of(
    work: Work,
    campaign: Annotated[Text | None, Query(description="A campaign by name; default: the live one.")] = None,
) -> str:
    """The campaign that a request is about."""
    return campaign or work.campaign


CampaignName = Annotated[str, Depends(campaign_of)]

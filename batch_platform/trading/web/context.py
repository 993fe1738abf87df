"""What routes and pages of trading work with."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from batch_platform.kit.domain import AppContext
from batch_platform.kit.requests import session_on, state_of
from batch_platform.kit.session import Session
from batch_platform.trading.opening import open_context
from batch_platform.trading.service import TradingContext
from batch_platform.web.api.strict import Text


def open_state(app: AppContext) -> TradingContext:
    """The use cases' context of this process."""
    return app.opened.enter_context(open_context(app.settings))


Context = Annotated[TradingContext, state_of("trading")]
Acting = Annotated[Session[TradingContext], session_on("trading")]


async def campaign_of(
    context: Context,
    campaign: Annotated[Text | None, Query(description="A campaign by name; default: the live one.")] = None,
) -> str:
    """The campaign that a request is about."""
    return campaign or context.campaign


CampaignName = Annotated[str, Depends(campaign_of)]

"""What trading gives to the web: its routes, its pages, its players as guests, its texts."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import AppContext, WebRoom
from batch_platform.trading.opening import open_work
from batch_platform.trading.service import TradingContext
from batch_platform.trading.web import sign_in
from batch_platform.trading.web.players import GUESTS
from batch_platform.web.app import Part


def _state(app: AppContext) -> TradingContext:
    return app.opened.enter_context(open_work(app.settings))


PART: Final = Part(
    routers=(sign_in.router,),
    pages=(sign_in.FILES.router, sign_in.pages),
    templates="batch_platform.trading.web",
    locale="batch_platform.trading.web",
    opened=sign_in.OPENED,
    guests=GUESTS,
)
"""What the app needs of trading."""

WEB: Final = WebRoom(part=PART, card=None, open_state=_state)

"""What trading gives to the web: its routes, its pages, its players as guests, its texts."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import WebRoom
from batch_platform.trading.web import admin_api, api, notifications, portfolios, sign_in, trades
from batch_platform.trading.web.context import open_state
from batch_platform.trading.web.players import GUESTS
from batch_platform.web.app import Part

PART: Final = Part(
    routers=(sign_in.router, api.router, trades.router, portfolios.router, notifications.router, admin_api.router),
    pages=(sign_in.FILES.router, sign_in.pages),
    templates="batch_platform.trading.web",
    locale="batch_platform.trading.web",
    opened=sign_in.OPENED,
    guests=GUESTS,
)
"""What the app needs of trading."""

WEB: Final = WebRoom(part=PART, card=None, open_state=open_state)

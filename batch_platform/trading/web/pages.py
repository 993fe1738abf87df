"""What trading gives to the web: its routes, its pages, its players as guests, its texts."""

from __future__ import annotations

from typing import Final

from batch_platform.kit.domain import WebRoom
from batch_platform.operations.web.pages import DashboardCard
from batch_platform.trading.web import (
    admin_api,
    administration_pages,
    api,
    contest_pages,
    notifications,
    portfolio_pages,
    portfolios,
    price_pages,
    sign_in,
    trade_pages,
    trades,
)
from batch_platform.trading.web.context import open_state
from batch_platform.trading.web.players import CONTEST, GUESTS, HOME
from batch_platform.trading.web.rendering import FILES
from batch_platform.web.app import Part
from batch_platform.web.console import NavItem
from batch_platform.web.i18n import N_

NAVIGATION: Final = (
    NavItem(key="trading", label=N_("Trading competition"), path=HOME, permission=CONTEST, order=80),
)

CARD: Final = DashboardCard(
    title=N_("Trading competition"), permission=CONTEST, load=contest_pages.card, template="trading/card.html"
)

PART: Final = Part(
    routers=(sign_in.router, api.router, trades.router, portfolios.router, notifications.router, admin_api.router),
    pages=(
        FILES.router,
        sign_in.FILES.router,
        sign_in.pages,
        contest_pages.router,
        portfolio_pages.router,
        trade_pages.router,
        price_pages.router,
        administration_pages.router,
    ),
    navigation=NAVIGATION,
    package="batch_platform.trading.web",
    opened=sign_in.OPENED,
    guests=GUESTS,
    tags={
        "trading": "The trading contest: wallets, orders, portfolios, rankings, its set-up. Fields are snake_case."
    },
)
"""What the app needs of trading."""

WEB: Final = WebRoom(part=PART, card=CARD, open_state=open_state)

"""What btc brings to the console: its place in the navigation, its pages, its card on the dashboard."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request

from batch_platform.btc.service import BtcContext
from batch_platform.btc.web import api, batch_pages, decision_pages, words
from batch_platform.btc.web.context import FILES, HOME, open_state
from batch_platform.kit.domain import WebRoom
from batch_platform.operations.web.pages import DashboardCard
from batch_platform.web.app import Part
from batch_platform.web.console import NavItem
from batch_platform.web.i18n import N_

CARD_ROWS: Final = 3

NAVIGATION: Final = (
    NavItem(key="btc", label=N_("BTC adjustment of all users"), path=HOME, permission="batch:read", order=70),
)


def _newest(request: Request) -> dict[str, Any] | None:
    """The newest batches; None while there has been none."""
    context: BtcContext = request.app.state.btc
    batches = context.store.batches.page(limit=CARD_ROWS).batches
    return {"batches": batches, "words": words, "home": HOME} if batches else None


CARD: Final = DashboardCard(
    title=N_("BTC adjustment of all users"), permission="batch:read", load=_newest, template="btc/card.html"
)

PART: Final = Part(
    routers=(api.router,),
    pages=(FILES.router, batch_pages.router, decision_pages.router),
    navigation=NAVIGATION,
    package="batch_platform.btc.web",
    tags={"btc": "Adjustments of all balances: planned, approved, booked, proved, reversed. Fields are snake_case."},
)
"""What the app needs of btc."""

WEB: Final = WebRoom(PART, CARD, open_state)

"""Console pages of btc that show: all batches with the form, one batch with its plan and proof."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from batch_platform.btc.web import api, batch_pages, screens, words
from batch_platform.btc.web.api import READ
from batch_platform.btc.web.context import HOME, BtcSite, Site, open_state
from batch_platform.btc.web.files import FILES
from batch_platform.kit.domain import WebRoom
from batch_platform.operations.web.pages import DashboardCard
from batch_platform.web.api.strict import QueryBool, QueryInt
from batch_platform.web.app import Part
from batch_platform.web.console import NavItem
from batch_platform.web.i18n import N_

CARD_ROWS: Final = 3

NAVIGATION: Final = (
    NavItem(key="btc", label=N_("BTC adjustment of all users"), path=HOME, permission="batch:read", order=70),
)

Offset = Annotated[QueryInt, Query(ge=0, le=10_000_000)]
Cursor = Annotated[str | None, Query(max_length=2_000)]

router = APIRouter(include_in_schema=False)


@router.get(HOME, dependencies=READ)
def batches_page(request: Request, site: Site, status: str = "", offset: Offset = 0) -> Response:
    """The form, for those who may execute, and the history."""
    return screens.home(request, site, status=status, offset=offset)


@router.get(f"{HOME}/live", dependencies=READ)
def history_live(request: Request, site: Site, status: str = "", offset: Offset = 0) -> Response:
    """The history alone: it asks for itself while a batch of it is going on."""
    return screens.home(request, site, status=status, offset=offset, part=True)


@router.get(f"{HOME}/{{batch_id}}", dependencies=READ)
def batch_page(
    request: Request,
    site: Site,
    batch_id: str,
    *,
    cursor: Cursor = None,
    proof: QueryBool = False,
    moved: QueryBool = False,
) -> Response:
    """One batch; its proof is computed when it is asked for."""
    return screens.one(request, site, batch_id, cursor=cursor or None, prove=proof, moved=moved)


@router.get(f"{HOME}/{{batch_id}}/live", dependencies=READ)
def batch_live(request: Request, site: Site, batch_id: str, cursor: Cursor = None) -> Response:
    """The part of a batch's page that changes while it is going on."""
    return screens.one(request, site, batch_id, cursor=cursor or None, part=True)


@router.get(f"{HOME}/{{batch_id}}/proof", dependencies=READ)
def batch_proof(request: Request, site: Site, batch_id: str) -> Response:
    """The proof of a batch alone, computed now: its page asks for it when the batch has ended."""
    return screens.one(request, site, batch_id, prove=True, section="proof")


def _newest(request: Request) -> dict[str, Any] | None:
    """The newest batches; None while there has been none."""
    site: BtcSite = request.app.state.btc
    found = site.work.store.batches.page(limit=CARD_ROWS).batches
    if not found:
        return None
    return {"batches": found, "statuses": words.STATUSES, "rate": words.rate, "home": HOME}


CARD: Final = DashboardCard(
    title=N_("BTC adjustment of all users"), permission="batch:read", load=_newest, template="btc/card.html"
)

PART: Final = Part(
    routers=(api.router,),
    pages=(FILES.router, router, batch_pages.router),
    navigation=NAVIGATION,
    templates="batch_platform.btc.web",
    locale="batch_platform.btc.web",
)
"""What the app needs of btc."""

WEB: Final = WebRoom(PART, CARD, open_state)

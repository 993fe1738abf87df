"""Console pages that every player sees: the competition at a glance, its leaderboard, its tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from batch_platform.core.failures import NotFound, PlatformError
from batch_platform.core.surfaces import writes
from batch_platform.trading.instants import instant_text, parse_instant
from batch_platform.trading.series import Period
from batch_platform.trading.service import TradingContext, boards, listings, overview, registration
from batch_platform.trading.service.looking import no_campaign
from batch_platform.trading.service.registration import REGISTER, Profile
from batch_platform.trading.web import charts, words
from batch_platform.trading.web.context import Acting, Context
from batch_platform.trading.web.players import CONTEST, HOME, PlayerOr, wallet_of
from batch_platform.trading.web.refusals import players_only
from batch_platform.trading.web.rendering import ADMINISTER, Shown, link, page, phase
from batch_platform.web.access.dependencies import requires
from batch_platform.web.console import field_errors, redirect
from batch_platform.web.forms import Form
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import translated
from batch_platform.web.paging import Offset, place

ROWS: Final = 50
TOP: Final = 5
HOURS_SHOWN: Final = timedelta(days=3)
"""Boards that can be chosen from; older ones are reached by their address."""

ANYBODY: Final = [requires(CONTEST)]

router = APIRouter(include_in_schema=False)


@router.get(HOME, dependencies=ANYBODY)
@router.get(f"{HOME}/live", dependencies=ANYBODY)
def overview_page(request: Request, context: Context, campaign: Shown) -> Response:
    """The competition; a part of it refreshes itself."""
    part = request.url.path == f"{HOME}/live"
    return _overview(request, context, campaign, part=part)


@router.post(f"{HOME}/join", dependencies=[requires(PlayerOr(ADMINISTER))])
@writes(REGISTER)
def join(request: Request, acting: Acting, campaign: Shown, form: Form) -> Response:
    """Register the wallet that has signed in; once, however often it is asked."""
    context, wallet = acting.context, wallet_of(request)
    if wallet is None:
        raise players_only()
    profile = Profile(username=form["username"][:255] or None, email=form["email"][:255] or None)
    try:
        registration.register(context, campaign, wallet, profile, record=acting.log.record)
    except PlatformError as error:
        if isinstance(error, NotFound):
            raise
        return _overview(request, context, campaign, values=form, errors=field_errors(error))
    there = link(context, campaign, f"/players/{wallet}")
    return redirect(request, there, message=_("You are in. Your first tokens are in your wallet."))


@router.get(f"{HOME}/leaderboard", dependencies=ANYBODY)
def leaderboard_page(
    request: Request, context: Context, campaign: Shown, at: str = "", offset: Offset = 0
) -> Response:
    """The board of an hour, ranked page by page, and below the first page who has no rank and why."""
    instant, errors = _instant(at)
    hours = overview.instants(context, campaign, HOURS_SHOWN)
    board = boards.ranking(context, campaign, at=instant, limit=ROWS, offset=offset)
    unranked = boards.leaderboard(context, campaign, at=board.at).unranked if board.at and not offset else []
    chosen = [] if board.at is None or board.at in hours else [board.at]
    hour = hours.index(board.at) if board.at in hours else None
    return page(
        request,
        "leaderboard",
        context,
        campaign,
        board=board,
        unranked=unranked,
        hours=[*chosen, *hours],
        earlier=instant_text(hours[hour + 1]) if hour is not None and hour + 1 < len(hours) else None,
        later=instant_text(hours[hour - 1]) if hour else None,
        errors=errors,
        offset=offset,
        place=place(offset, ROWS, more=board.has_more),
        mine=_standing(request, context, campaign, board.at),
    )


@router.get(f"{HOME}/tokens", dependencies=ANYBODY)
def tokens_page(request: Request, context: Context, campaign: Shown) -> Response:
    """All tokens with their newest prices."""
    return page(request, "tokens", context, campaign, tokens=listings.tokens(context, campaign))


@router.get(f"{HOME}/tokens/{{symbol}}", dependencies=ANYBODY)
def token_page(request: Request, context: Context, campaign: Shown, symbol: str, period: str = "") -> Response:
    """A token: its prices with the marks of the player who looks, its funding, its rates."""
    chosen = Period(period) if period in set(Period) else Period.DAY
    history = overview.token_history(context, campaign, symbol, chosen, wallet=wallet_of(request))
    [token] = [row for row in listings.tokens(context, campaign) if row["symbol"] == symbol]
    rates, _funding = listings.rates(context, campaign)
    return page(
        request,
        "token",
        context,
        campaign,
        token=token,
        period=chosen,
        history=history,
        chart=charts.prices(history),
        rates=[row for row in rates if row["token"] == symbol],
        pool=next((row for row in listings.pools(context, campaign) if symbol in (row["base"], row["lst"])), None),
    )


def card(request: Request) -> dict[str, Any] | None:
    """The competition that runs, for the dashboard; None where there is none."""
    context: TradingContext = request.app.state.trading
    row = next((row for row in listings.campaigns(context) if row["name"] == context.campaign), None)
    if row is None:
        return None
    board = boards.ranking(context, context.campaign, limit=1)
    return {
        "home": HOME,
        "row": row,
        "phase": phase(row, context.clock()),
        "state": words.CAMPAIGN_STATES[phase(row, context.clock())],
        "signed": words.signed,
        "leader": board.ranked[0] if board.ranked else None,
    }


def _overview(
    request: Request,
    context: TradingContext,
    campaign: str,
    *,
    part: bool = False,
    values: Any = None,
    errors: Any = None,
) -> Response:
    campaigns = listings.campaigns(context)
    row = next((known for known in campaigns if known["name"] == campaign), None)
    if row is None and campaign != context.campaign:
        raise no_campaign(campaign)
    board = boards.ranking(context, campaign, limit=TOP) if row else None
    return page(
        request,
        "overview_live" if part else "overview",
        context,
        campaign,
        row=row,
        campaigns=campaigns,
        phase=row and phase(row, context.clock()),
        board=board,
        mine=board and _standing(request, context, campaign, board.at),
        tokens=listings.tokens(context, campaign) if row else [],
        values=values or {"username": "", "email": ""},
        errors=errors,
    )


def _standing(request: Request, context: TradingContext, campaign: str, at: datetime | None) -> dict[str, Any] | None:
    wallet = wallet_of(request)
    return None if wallet is None else overview.standing(context, campaign, wallet, at)


def _instant(text: str) -> tuple[datetime | None, dict[str, str] | None]:
    """What is no instant shows the newest board, and says so."""
    if not text:
        return None, None
    try:
        return parse_instant(text), None
    except ValueError as error:
        return None, {"at": translated(error.args[0])}

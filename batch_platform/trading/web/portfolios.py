"""What players have, had and rank, by HTTP: nothing in here changes anything."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Path, Query, Request

from batch_platform.core.failures import NotFound
from batch_platform.trading.instants import day_start
from batch_platform.trading.series import Period
from batch_platform.trading.service import boards, history, market, wishes
from batch_platform.trading.service.pnl import pnl
from batch_platform.trading.service.portfolio import portfolio, snapshot_details
from batch_platform.trading.web.api import ANYBODY, MISSING, OWNER, WalletPath
from batch_platform.trading.web.context import CampaignName, Context
from batch_platform.trading.web.players import OwnerOr, PlayerOr, wallet_of
from batch_platform.trading.web.portfolio_schemas import (
    InvestmentAnswer,
    InvestmentsAnswer,
    LeaderboardAnswer,
    OrdersAnswer,
    PlayerTransactionsAnswer,
    PnlAnswer,
    PortfolioAnswer,
    PositionAnswer,
    PositionsAnswer,
    RefreshAnswer,
    prices_age,
)
from batch_platform.trading.web.quotas import too_often
from batch_platform.trading.web.schemas import OrderAnswer
from batch_platform.trading.web.trades import answers_of
from batch_platform.trading.web.wire import At
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.paging import MAX_LIMIT, MAX_OFFSET
from batch_platform.web.api.strict import QueryBool, QueryInt, Text

Limit = Annotated[QueryInt, Query(ge=1, le=MAX_LIMIT, description="Rows of a page.")]
Offset = Annotated[QueryInt, Query(ge=0, le=MAX_OFFSET, description="Rows to skip after the cursor.")]
Cursor = Annotated[
    Text | None, Query(description="`next_cursor` of the page before; opaque.", min_length=1, max_length=2_000)
]
AsOf = Annotated[At | None, Query(description="As of this moment, YYYY-MM-DDTHH:MM:SSZ; default: now.")]
Kind = Literal[
    "swap",
    "stake",
    "liquid_stake",
    "unstake",
    "perp_open",
    "perp_close",
    "perp_liquidation",
    "initial",
    "deposit",
    "correction",
]
PAGE: Final = 20

router = APIRouter(prefix="/api", tags=["trading"])


@router.get("/portfolio/{wallet_address}", dependencies=OWNER, responses=MISSING)
def show_portfolio(
    wallet_address: WalletPath,
    context: Context,
    campaign: CampaignName,
    *,
    force_refresh: Annotated[
        QueryBool, Query(description="Taken and ignored: ask for fresh prices by POST …/refresh.")
    ] = False,
    details: Annotated[
        QueryBool, Query(alias="snapshot_details", description="Add what a snapshot of this moment is made of.")
    ] = False,
    at: AsOf = None,
) -> Envelope[PortfolioAnswer]:
    """Tokens, positions and stakes with their values in USD, at the newest accepted prices."""
    del force_refresh
    seen = portfolio(context, campaign, wallet_address, at=at)
    made_of = snapshot_details(context, campaign, wallet_address, seen.at) if details else None
    tick = market.campaign(context, campaign).tick_at
    return Envelope(data=PortfolioAnswer.of_portfolio(seen, _day_of(seen.at), tick, made_of))


@router.post(
    "/portfolio/{wallet_address}/refresh", dependencies=[requires(OwnerOr("trading:administer"))], responses=MISSING
)
def refresh_portfolio(
    wallet_address: WalletPath, context: Context, campaign: CampaignName
) -> Envelope[RefreshAnswer]:
    """Ask for fresh prices of what the player holds and is older than 30 s; `wished` are the tokens that come.

    They are accepted as a tick, usually within seconds. Who asks too often gets 429.
    """
    refresh = wishes.refresh(context, campaign, wallet_address)
    if refresh.wait is not None:
        raise too_often(refresh.wait)
    return Envelope(data=RefreshAnswer.of_refresh(refresh))


@router.get("/pnl/{wallet_address}", dependencies=OWNER, responses=MISSING)
def show_pnl(
    wallet_address: WalletPath,
    context: Context,
    campaign: CampaignName,
    *,
    period: Annotated[Period, Query(description="How far back.")] = Period.DAY,
    at: AsOf = None,
) -> Envelope[PnlAnswer]:
    """The chart of a period: snapshots against the first one, at most one an hour, 4 h, 12 h, 2 days or week."""
    return Envelope(data=PnlAnswer.of(pnl(context, campaign, wallet_address, period, at=at)))


@router.get("/transactions/{wallet_address}", dependencies=OWNER, responses=MISSING)
def list_transactions(
    wallet_address: WalletPath,
    context: Context,
    campaign: CampaignName,
    *,
    kind: Annotated[Kind | None, Query(alias="type", description="Only those of this type.")] = None,
    limit: Limit = PAGE,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> Envelope[PlayerTransactionsAnswer]:
    """Filled orders, liquidations, grants and other flows, newest first, by cursor or by offset."""
    page = history.transactions(
        context, campaign, wallet_address, kind=kind, limit=limit, offset=offset, cursor=cursor
    )
    return Envelope(data=PlayerTransactionsAnswer.of(page, limit=limit, offset=offset))


@router.get("/investments/{wallet_address}", dependencies=OWNER, responses=MISSING)
def list_investments(
    wallet_address: WalletPath, context: Context, campaign: CampaignName
) -> Envelope[InvestmentsAnswer]:
    """Stakes and what they have earned so far, or have paid."""
    seen = portfolio(context, campaign, wallet_address)
    today = _day_of(seen.at)
    running = [InvestmentAnswer.running(stake, today) for stake in seen.worth.investments]
    ended = map(InvestmentAnswer.withdrawn, history.withdrawn(context, campaign, wallet_address))
    return Envelope(data=InvestmentsAnswer(investments=[*running, *ended]))


@router.get("/perp/positions/{wallet_address}", dependencies=OWNER, responses=MISSING)
def list_positions(wallet_address: WalletPath, context: Context, campaign: CampaignName) -> Envelope[PositionsAnswer]:
    """Open positions, at the newest accepted prices."""
    seen = portfolio(context, campaign, wallet_address)
    positions = list(map(PositionAnswer.of, seen.worth.perp_positions))
    tick = market.campaign(context, campaign).tick_at
    return Envelope(data=PositionsAnswer(positions=positions, tick=tick, prices_age=prices_age(seen)))


@router.get("/leaderboard", dependencies=ANYBODY, responses=MISSING)
def show_leaderboard(
    context: Context,
    campaign: CampaignName,
    *,
    limit: Limit = PAGE,
    offset: Offset = 0,
    at: Annotated[At | None, Query(description="The snapshot of this moment; default: the newest.")] = None,
    unranked: Annotated[QueryBool, Query(description="Add those who have no rank, and why.")] = False,
) -> Envelope[LeaderboardAnswer]:
    """Players by profit in percent, then in USD."""
    board = boards.ranking(context, campaign, at=at, limit=limit, offset=offset)
    rest = boards.leaderboard(context, campaign, at=board.at) if unranked else None
    return Envelope(data=LeaderboardAnswer.of(board, unranked=rest and rest.unranked, limit=limit, offset=offset))


@router.get("/orders/{id}", dependencies=[requires(PlayerOr("trading:read"))], responses=MISSING)
def show_order(
    request: Request, order_id: Annotated[Text, Path(alias="id")], context: Context, campaign: CampaignName
) -> Envelope[OrderAnswer]:
    """What became of an order. 404 for another player's."""
    row, own = history.order(context, campaign, order_id), wallet_of(request)
    if own not in (None, row["wallet_address"]):
        raise NotFound("unknown-order", "no order {order}", order=order_id, field="order_id")
    return Envelope(data=answers_of(context, campaign, [row])[0])


@router.get("/users/{wallet_address}/orders", dependencies=OWNER, responses=MISSING)
def list_orders(
    wallet_address: WalletPath,
    context: Context,
    campaign: CampaignName,
    *,
    status: Annotated[
        Literal["pending", "filled", "rejected", "expired"] | None, Query(description="Only those of this status.")
    ] = None,
    limit: Limit = PAGE,
    offset: Offset = 0,
    cursor: Cursor = None,
) -> Envelope[OrdersAnswer]:
    """A player's orders, newest first, refused ones too."""
    page = history.orders(context, campaign, wallet_address, status=status, limit=limit, offset=offset, cursor=cursor)
    orders = answers_of(context, campaign, page.rows)
    return Envelope(
        data=OrdersAnswer(orders=orders, total=page.total, limit=limit, offset=offset, next_cursor=page.cursor)
    )


def _day_of(at: datetime) -> datetime:
    return day_start(at.date())

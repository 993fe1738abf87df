"""Console pages of one player: what he has, how it went, what he did; for himself and for who may look."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request, Response

from batch_platform.trading.series import Period
from batch_platform.trading.service import TradingContext, history, listings, notices, overview, pnl, portfolio
from batch_platform.trading.web import charts, words
from batch_platform.trading.web.context import Context
from batch_platform.trading.web.players import HOME, OwnerOr, PlayerOr, check_owner
from batch_platform.trading.web.rendering import READ, Shown, page, phase
from batch_platform.web.access.dependencies import requires
from batch_platform.web.paging import Cursor

ROWS: Final = 30
ORDERS: Final = 20
NOTICES: Final = 5
OWNER: Final = [requires(OwnerOr(READ))]
PLAYER: Final = f"{HOME}/players/{{wallet_address}}"

router = APIRouter(include_in_schema=False)


@router.get(PLAYER, dependencies=OWNER)
def portfolio_page(
    request: Request, context: Context, campaign: Shown, wallet_address: str, period: str = ""
) -> Response:
    """All that a player has; its values refresh themselves."""
    chosen = Period(period) if period in set(Period) else Period.DAY
    series = pnl.pnl(context, campaign, wallet_address, chosen)
    return page(
        request,
        "portfolio",
        context,
        campaign,
        period=chosen,
        points=series.points,
        chart=charts.pnl(series.points),
        **_live(context, campaign, wallet_address),
    )


@router.get(f"{PLAYER}/live", dependencies=OWNER)
def portfolio_live(request: Request, context: Context, campaign: Shown, wallet_address: str) -> Response:
    """The part of a portfolio that refreshes itself."""
    return page(request, "portfolio_live", context, campaign, **_live(context, campaign, wallet_address))


@router.get(f"{PLAYER}/history", dependencies=OWNER)
def history_page(
    request: Request,
    context: Context,
    campaign: Shown,
    wallet_address: str,
    kind: str = "",
    cursor: Cursor = None,
) -> Response:
    """What happened to a player, the newest first: all, or of one kind."""
    chosen = kind if kind in words.TRANSACTION_KINDS else None
    listed = history.transactions(context, campaign, wallet_address, kind=chosen, limit=ROWS, cursor=cursor)
    return page(
        request,
        "history",
        context,
        campaign,
        wallet=wallet_address,
        kind=chosen or "",
        rows=listed.rows,
        total=listed.total,
        cursor=cursor,
        following=listed.cursor,
        symbols=_symbols(context, campaign),
    )


@router.get(f"{HOME}/orders/{{order_id}}", dependencies=[requires(PlayerOr(READ))])
@router.get(f"{HOME}/orders/{{order_id}}/live", dependencies=[requires(PlayerOr(READ))])
def order_page(request: Request, context: Context, campaign: Shown, order_id: str) -> Response:
    """An order on its way: it waits for the next tick, and asks for itself until it is settled."""
    order = history.order(context, campaign, order_id)
    check_owner(request, order["wallet_address"], READ)
    part = request.url.path.endswith("/live")
    return page(request, "order_live" if part else "order", context, campaign, order=order)


def _live(context: TradingContext, campaign: str, wallet: str) -> dict[str, Any]:
    shown = portfolio.portfolio(context, campaign, wallet)
    [row] = [row for row in listings.campaigns(context) if row["name"] == campaign]
    return {
        "wallet": wallet,
        "found": shown,
        "worth": shown.worth,
        "phase": phase(row, context.clock()),
        "tick_at": row["tick_at"],
        "allocation": charts.allocation(shown.worth),
        "orders": history.orders(context, campaign, wallet, limit=ORDERS).rows,
        "notices": notices.notices(context, campaign, wallet, limit=NOTICES)[0],
        "standing": overview.standing(context, campaign, wallet, row["snapshot_at"]),
    }


def _symbols(context: TradingContext, campaign: str) -> dict[str, str]:
    """Tokens by address, as transactions name them."""
    return {token["address"]: token["symbol"] for token in listings.tokens(context, campaign)}

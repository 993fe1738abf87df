"""Console pages on which a player trades: forms that show what an order would come to, and one way to place it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from fastapi import APIRouter, Request, Response

from batch_platform.core.failures import Conflict
from batch_platform.core.surfaces import writes
from batch_platform.trading.model import Direction
from batch_platform.trading.model import Refusal as Reason
from batch_platform.trading.service import TradingContext, listings, market, previews, trades
from batch_platform.trading.service.portfolio import portfolio
from batch_platform.trading.service.previews import Preview
from batch_platform.trading.service.trades import PLACE
from batch_platform.trading.web.context import Acting, Context
from batch_platform.trading.web.players import OwnerOr, wallet_of
from batch_platform.trading.web.portfolio_pages import OWNER, PLAYER
from batch_platform.trading.web.quotas import limited
from batch_platform.trading.web.refusals import players_only, refused
from batch_platform.trading.web.rendering import ADMINISTER, Shown, link, page
from batch_platform.trading.web.trades import TRADES
from batch_platform.web.access.dependencies import requires
from batch_platform.web.console import field_errors, redirect
from batch_platform.web.forms import Form
from batch_platform.web.i18n import gettext as _
from batch_platform.web.i18n import translated

FORMS: Final[Mapping[str, tuple[str, ...]]] = {
    "swap": ("from", "to", "amount"),
    "stake": ("token", "amount"),
    "liquid_stake": ("token", "amount"),
    "perp_open": ("token", "direction", "collateral", "leverage"),
}
"""Kinds of orders with a form of their own, and its fields."""
_ENDING: Final[Mapping[str, str]] = {"unstake": "investment", "perp_close": "position"}
"""Kinds that end something, which the portfolio asks about."""
_AT: Final[Mapping[Reason, str]] = {
    Reason.UNKNOWN_TOKEN: "token",
    Reason.SAME_TOKEN: "to",
    Reason.LEVERAGE_OUT_OF_RANGE: "leverage",
    Reason.INVALID_AMOUNT: "amount",
    Reason.INSUFFICIENT_BALANCE: "amount",
    Reason.AMOUNT_TOO_SMALL: "amount",
}
"""Where a form shows why an order is refused."""
_LONGEST: Final = 100

router = APIRouter(include_in_schema=False)


@router.get(f"{PLAYER}/trade", dependencies=OWNER)
def trade_page(request: Request, context: Context, campaign: Shown, wallet_address: str, order: str = "") -> Response:
    """The form of a kind of order; who is not the player sees what there is to trade."""
    kind = order if order in FORMS else "swap"
    given = {name: request.query_params.get(name, "") for name in FORMS[kind]}
    return _form(request, context, campaign, wallet_address, kind, given)


@router.get(f"{PLAYER}/quote", dependencies=OWNER)
def quote(request: Request, context: Context, campaign: Shown, wallet_address: str, order: str = "") -> Response:
    """What the order of the form would come to now; the form asks for it as it is filled in."""
    kind = order if order in FORMS else "swap"
    terms = _order_of(kind, request.query_params)
    return page(
        request,
        "quote",
        context,
        campaign,
        preview=_preview(context, campaign, wallet_address, terms),
        given=terms,
        fees=market.campaign(context, campaign),
    )


@router.post(f"{PLAYER}/orders", dependencies=[requires(OwnerOr(ADMINISTER)), limited(TRADES)])
@writes(PLACE)
def place(request: Request, acting: Acting, campaign: Shown, wallet_address: str, form: Form) -> Response:
    """Place an order, and go to where it is followed; or back to the form, with why not."""
    if wallet_of(request) != wallet_address:
        raise players_only()
    context, kind = acting.context, form["order"]
    if kind in _ENDING:
        order = {"order": kind, _ENDING[kind]: form[_ENDING[kind]][:_LONGEST]}
    else:
        kind = kind if kind in FORMS else "swap"
        order = _order_of(kind, form)
    try:
        row = trades.place(
            context,
            campaign,
            wallet_address,
            order,
            request_key=form["request_id"][:_LONGEST] or None,
            record=acting.log.record,
        )
        errors = None if row["reason"] is None else _refusal(kind, Reason(row["reason"]))
    except Conflict as error:
        errors = field_errors(error)
    if errors is None:
        return redirect(request, link(context, campaign, f"/orders/{row['id']}"))
    if kind in _ENDING:
        there = link(context, campaign, f"/players/{wallet_address}")
        return redirect(request, there, message=next(iter(errors.values())), tone="bad")
    return _form(request, context, campaign, wallet_address, kind, order, errors=errors)


def _form(
    request: Request,
    context: TradingContext,
    campaign: str,
    wallet: str,
    kind: str,
    given: Mapping[str, Any],
    *,
    errors: Mapping[str, str] | None = None,
) -> Response:
    shown = portfolio(context, campaign, wallet)
    tokens = listings.tokens(context, campaign)
    values = _values(kind, given, [row["symbol"] for row in tokens], context, campaign)
    return page(
        request,
        "trade",
        context,
        campaign,
        wallet=wallet,
        kind=kind,
        values=values,
        errors=errors,
        choices=_choices(kind, tokens, context, campaign),
        held={row.token: row.balance for row in shown.worth.tokens},
        request_id=str(uuid4()),
        preview=_preview(context, campaign, wallet, _order_of(kind, values)),
        given=_order_of(kind, values),
        fees=market.campaign(context, campaign),
    )


def _preview(context: TradingContext, campaign: str, wallet: str, order: Mapping[str, Any]) -> Preview | None:
    """None for an order that lacks what it cannot be spoken of without."""
    try:
        return previews.preview(context, campaign, wallet, order)
    except KeyError:
        return None


def _order_of(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """A line of a contest: wide digits are read as plain ones, what is no whole number as no leverage."""
    order: dict[str, Any] = {"order": kind}
    for name in FORMS[kind]:
        order[name] = unicodedata.normalize("NFKC", str(given.get(name) or "")).strip()[:_LONGEST]
    if kind == "perp_open":
        leverage = order["leverage"]
        order["leverage"] = int(leverage) if leverage.isascii() and leverage.isdecimal() else 0
        order["direction"] = order["direction"] if order["direction"] in set(Direction) else Direction.LONG.value
    return order


def _values(
    kind: str, given: Mapping[str, Any], symbols: list[str], context: TradingContext, campaign: str
) -> dict[str, Any]:
    """What the form shows: what was given, else what it begins with."""
    tokens = [symbol for symbol, _name in _choices(kind, listings.tokens(context, campaign), context, campaign)]
    first = tokens[0] if tokens else ""
    begins = {
        "from": "USDC" if "USDC" in symbols else first,
        "to": next((symbol for symbol in symbols if symbol != "USDC"), ""),
        "token": first,
        "direction": Direction.LONG.value,
        "leverage": "1",
    }
    return {name: given.get(name) or begins.get(name, "") for name in FORMS[kind]}


def _choices(kind: str, tokens: list[Any], context: TradingContext, campaign: str) -> list[tuple[str, str]]:
    """Tokens that such an order may be about, by symbol."""
    if kind == "perp_open":
        return [
            (
                row["symbol"],
                _("%(token)s (up to %(leverage)s×)", token=row["symbol"], leverage=row["perp_max_leverage"]),
            )
            for row in tokens
            if row["perp_max_leverage"] is not None
        ]
    if kind == "liquid_stake":
        return [(row["base"], f"{row['base']} → {row['lst']}") for row in listings.pools(context, campaign)]
    return [(row["symbol"], row["symbol"]) for row in tokens]


def _refusal(kind: str, reason: Reason) -> dict[str, str]:
    """Why an order is refused, beside the field that it is about."""
    field = _AT.get(reason, "")
    if field == "amount" and kind == "perp_open":
        field = "collateral"
    if field == "token" and kind == "swap":
        field = "from"
    return {field: translated(refused(reason).detail)}

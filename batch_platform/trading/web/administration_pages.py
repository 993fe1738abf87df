"""Console page of the administration: campaigns, tokens, pools, rates, players, with the forms that change them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from batch_platform.core.failures import NotFound, PlatformError
from batch_platform.core.surfaces import writes
from batch_platform.kit import actions
from batch_platform.trading.service import TradingContext, listings, overview
from batch_platform.trading.web import administration as deeds
from batch_platform.trading.web.context import Acting, Context
from batch_platform.trading.web.players import HOME
from batch_platform.trading.web.rendering import ADMINISTER, READ, Shown, link, page
from batch_platform.web.access.dependencies import requires
from batch_platform.web.console import field_errors, redirect
from batch_platform.web.forms import Form
from batch_platform.web.i18n import N_
from batch_platform.web.i18n import gettext as _
from batch_platform.web.paging import Offset, place

PLACE: Final = f"{HOME}/administration"
PLAYERS: Final = 50

Field = tuple[str, str, str]
"""A name, a msgid and a kind: text, number, date, or the choices of a select, separated by blanks."""


@dataclass(frozen=True)
class Deed:
    """A form: what it does, what its target is called, what else it asks for."""

    action: deeds.Done
    title: str
    target: str
    fields: tuple[Field, ...] = ()
    needed: frozenset[str] = frozenset()
    danger: bool = False


_CAMPAIGN: Final = (
    ("starts_at", N_("Begin (UTC)"), "text"),
    ("ends_at", N_("End (UTC)"), "text"),
    ("swap_fee_bps", N_("Fee of swaps (bps)"), "text"),
    ("perp_fee_bps", N_("Fee of positions (bps)"), "text"),
    ("max_trade_usd", N_("Highest worth of a trade (USD)"), "text"),
)
_SHOWN: Final = (("name", N_("Name of the token"), "text"), ("icon_url", N_("Address of its icon"), "text"))
_LEVERAGE: Final = ("perp_max_leverage", N_("Highest leverage"), "number")
_REASON: Final = ("reason", N_("Reason"), "text")
_WALLET: Final = N_("Wallet or player")
_SYMBOL: Final = N_("Symbol")
_NAME: Final = N_("Name of the competition")

DEEDS: Final[Mapping[str, Deed]] = {
    "add-campaign": Deed(deeds.ADD_CAMPAIGN, N_("Add a competition"), _NAME, _CAMPAIGN),
    "change-campaign": Deed(deeds.CHANGE_CAMPAIGN, N_("Change the competition"), _NAME, _CAMPAIGN),
    "end-campaign": Deed(deeds.END_CAMPAIGN, N_("End the competition now"), _NAME, danger=True),
    "set-grants": Deed(
        deeds.SET_GRANTS,
        N_("What every player starts with"),
        _NAME,
        (("amounts", N_("Amounts (SOL=12,USDC=900)"), "text"),),
        frozenset({"amounts"}),
    ),
    "add-token": Deed(
        deeds.ADD_TOKEN,
        N_("Add a token"),
        _SYMBOL,
        (
            ("address", N_("Mint address"), "text"),
            ("decimals", N_("Decimals"), "number"),
            ("type", N_("Type of the token"), "normal perp liquid_staking"),
            *_SHOWN,
            _LEVERAGE,
        ),
        frozenset({"address", "decimals"}),
    ),
    "change-token": Deed(deeds.CHANGE_TOKEN, N_("Change a token"), _SYMBOL, (*_SHOWN, _LEVERAGE)),
    "add-pool": Deed(
        deeds.ADD_POOL,
        N_("Add a liquid staking pool"),
        _SYMBOL,
        (("lst", N_("Token that is minted"), "text"), ("exchange_rate", N_("Worth of one on the first day"), "text")),
        frozenset({"lst", "exchange_rate"}),
    ),
    "add-interest-rate": Deed(
        deeds.ADD_INTEREST_RATE,
        N_("Add an interest rate"),
        _SYMBOL,
        (
            ("action", N_("Kind"), "staking liquid_staking"),
            ("rate", N_("Percent a year"), "text"),
            ("effective", N_("From (UTC day)"), "date"),
        ),
        frozenset({"rate", "effective"}),
    ),
    "add-funding-rate": Deed(
        deeds.ADD_FUNDING_RATE,
        N_("Add a funding rate"),
        _SYMBOL,
        (("rate", N_("Rate of 8 hours"), "text"), ("at", N_("From (UTC), empty: now"), "text")),
        frozenset({"rate"}),
    ),
    "accept-price": Deed(
        deeds.ACCEPT_PRICE, N_("Accept a jump"), _SYMBOL, (("price", N_("Price that was seen"), "text"),), danger=True
    ),
    "move": Deed(
        deeds.MOVE,
        N_("Deposit or correct"),
        _WALLET,
        (
            ("flow", N_("Kind"), "deposit correction"),
            ("amounts", N_("Amounts (SOL=12,USDC=900)"), "text"),
            _REASON,
        ),
        frozenset({"amounts", "reason"}),
    ),
    "disqualify": Deed(deeds.DISQUALIFY, N_("Disqualify"), _WALLET, (_REASON,), frozenset({"reason"}), danger=True),
    "reinstate": Deed(deeds.REINSTATE, N_("Reinstate"), _WALLET, (_REASON,), frozenset({"reason"})),
}
"""Forms by their address, in the order of the page."""

router = APIRouter(include_in_schema=False)


@router.get(PLACE, dependencies=[requires(READ)])
def administration_page(
    request: Request,
    context: Context,
    campaign: Shown,
    q: Annotated[str, Query(max_length=100)] = "",
    offset: Offset = 0,
) -> Response:
    """What there is, and for administrators the forms that change it."""
    return _page(request, context, campaign, q=q, offset=offset)


@router.post(f"{PLACE}/{{deed}}", dependencies=[requires(ADMINISTER)])
@writes(*(deed.action.name for deed in DEEDS.values()))
def act(request: Request, acting: Acting, campaign: Shown, deed: str, form: Form) -> Response:
    """Do what the form is for; or show it again, with why not beside its field."""
    chosen = DEEDS.get(deed)
    if chosen is None:
        raise NotFound("unknown-form", "no form {form}", form=deed, field="deed")
    names = {name for name, _label, _kind in chosen.fields}
    texts = {name: text for name, text in form.items() if name in names and text}
    if "campaign" in chosen.action.input.model_fields:
        texts["campaign"] = campaign
    try:
        given = actions.given_by(chosen.action, texts)
        actions.perform(chosen.action, acting, {form["target"]: None}, given)
    except PlatformError as error:
        errors = field_errors(error)
        return _page(request, acting.context, campaign, opened=deed, values=dict(form), errors=errors)
    named = form["target"] if deed == "add-campaign" else campaign
    return redirect(request, link(acting.context, named, "/administration"), message=_("Done: it is in the log."))


def _page(
    request: Request,
    context: TradingContext,
    campaign: str,
    *,
    q: str = "",
    offset: int = 0,
    opened: str = "",
    values: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    campaigns = listings.campaigns(context)
    there = any(row["name"] == campaign for row in campaigns)
    rates, funding = listings.rates(context, campaign) if there else ([], [])
    players, more = overview.players(context, campaign, q, limit=PLAYERS, offset=offset) if there else ([], False)
    shown: dict[str, Any] = {
        "campaigns": campaigns,
        "row": next((row for row in campaigns if row["name"] == campaign), None),
        "tokens": listings.tokens(context, campaign) if there else [],
        "pools": listings.pools(context, campaign) if there else [],
        "rates": rates[::-1],
        "funding": funding[::-1][:PLAYERS],
        "players": players,
    }
    return page(
        request,
        "administration",
        context,
        campaign,
        deeds=DEEDS,
        opened=opened,
        values=values or {},
        errors=errors,
        q=q,
        place=place(offset, PLAYERS, more=more),
        **shown,
    )

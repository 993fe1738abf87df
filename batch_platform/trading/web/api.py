"""Players, tokens and prices by HTTP, on the paths of the spec."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response

from batch_platform.core.surfaces import writes
from batch_platform.trading.service import listings, market, registration
from batch_platform.trading.service.registration import REGISTER, Profile
from batch_platform.trading.web.context import Acting, CampaignName, Context
from batch_platform.trading.web.players import CONTEST, OwnerOr, PlayerOr, wallet_of
from batch_platform.trading.web.refusals import players_only
from batch_platform.trading.web.schemas import (
    PriceAnswer,
    PricesAnswer,
    TokenAnswer,
    TokensAnswer,
    UserAnswer,
    UserRequest,
)
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import Text

OWNER: Final = [requires(OwnerOr("trading:read"))]
ANYBODY: Final = [requires(CONTEST)]
MISSING: Final = documented(404)

WalletPath = Annotated[Text, Path(examples=["FVen3X669xLzsi6N2V91DoiyzHzg1uAgqiT8jZ9nS96Z"])]

router = APIRouter(prefix="/api", tags=["trading"])


@router.get("/users/{wallet_address}", dependencies=OWNER, responses=MISSING)
def show_user(wallet_address: WalletPath, context: Context, campaign: CampaignName) -> Envelope[UserAnswer]:
    """A player. 404 for a wallet that is not registered: looking registers nobody."""
    return Envelope(data=UserAnswer.of(registration.player(context, campaign, wallet_address)))


@router.post(
    "/users",
    status_code=201,
    dependencies=[requires(PlayerOr("trading:administer"))],
    responses={**MISSING, 200: {"model": Envelope[UserAnswer], "description": "The wallet is registered already."}},
)
@writes(REGISTER)
def register(
    request: Request, response: Response, body: UserRequest, acting: Acting, campaign: CampaignName
) -> Envelope[UserAnswer]:
    """Register the wallet that has signed in, with what every player starts with; once, however often it is asked."""
    if wallet_of(request) != body.wallet_address:
        raise players_only()
    profile = Profile(
        username=body.username,
        email=body.email,
        trade_style=body.trade_style,
        total_asset_usd=_usd(body.total_asset_usd),
        crypto_investment_usd=_usd(body.crypto_investment_usd),
        mails=body.mail_notifications,
    )
    record = acting.log.record
    row, is_new = registration.register(acting.context, campaign, body.wallet_address, profile, record=record)
    response.status_code = 201 if is_new else 200
    return Envelope(data=UserAnswer.of(row))


@router.get("/tokens", dependencies=ANYBODY, responses=MISSING)
def list_tokens(context: Context, campaign: CampaignName) -> Envelope[TokensAnswer]:
    """All tokens of the competition."""
    return Envelope(data=TokensAnswer(tokens=list(map(TokenAnswer.of, listings.tokens(context, campaign)))))


@router.get("/prices", dependencies=ANYBODY, responses=MISSING)
def list_prices(
    context: Context,
    campaign: CampaignName,
    tokens: Annotated[
        Text | None, Query(description="Addresses of tokens, separated by commas; default: all.")
    ] = None,
) -> Envelope[PricesAnswer]:
    """The newest accepted prices."""
    addresses = None if tokens is None else [address.strip() for address in tokens.split(",")]
    rows = listings.prices(context, campaign, addresses=addresses)
    prices = [PriceAnswer.of(row) for row in rows]
    oldest = max((price.age for price in prices), default=None)
    tick, now = market.campaign(context, campaign).tick_at, context.clock()
    asked_at = now if tick is None else max(now, tick)
    return Envelope(data=PricesAnswer(prices=prices, timestamp=asked_at, tick=tick, prices_age=oldest))


def _usd(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)

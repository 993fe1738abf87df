"""Orders by HTTP: placed by the player whose wallet it is, and looked at afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Path, Request, Response

from batch_platform.core.surfaces import writes
from batch_platform.trading.model import Refusal
from batch_platform.trading.service import TradingContext, listings, market, trades
from batch_platform.trading.service.quotas import Quota
from batch_platform.trading.service.trades import PLACE
from batch_platform.trading.web.context import Acting, CampaignName
from batch_platform.trading.web.players import PlayerOr, wallet_of
from batch_platform.trading.web.quotas import limited
from batch_platform.trading.web.refusals import players_only, refused
from batch_platform.trading.web.schemas import (
    OrderAnswer,
    PerpCloseRequest,
    PerpOpenRequest,
    StakeRequest,
    SwapRequest,
    UnstakeRequest,
)
from batch_platform.web.access.dependencies import requires
from batch_platform.web.api import idempotency
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import Text

TRADES: Final = Quota("trades", 120, timedelta(minutes=1))
PLAYER: Final = [requires(PlayerOr("trading:administer")), limited(TRADES)]

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

router = APIRouter(prefix="/api", tags=["trading"])

_PLACED: Final[Mapping[int | str, dict[str, Any]]] = {
    202: {"description": "It waits for its price: `pending`.", "model": Envelope[OrderAnswer]},
    **documented(404),
}
"""What an order may come to, beside 201 for one that is filled."""


def _route(path: str) -> Callable[[Endpoint], Endpoint]:
    return router.post(path, status_code=201, dependencies=PLAYER, responses=dict(_PLACED))


class _OrderEntry:
    """Where a request becomes an order of the engine, which knows tokens by their symbols."""

    def __init__(self, request: Request, response: Response, acting: Acting, campaign: CampaignName) -> None:
        self._request, self._response, self._acting, self._campaign = request, response, acting, campaign

    def place(self, wallet: str, kind: str, tokens: Mapping[str, str], **request: Any) -> Envelope[OrderAnswer]:
        """201 filled, 202 pending; `tokens` are addresses. Raises what refuses it."""
        if wallet_of(self._request) != wallet:
            raise players_only()
        context = self._acting.context
        campaign = market.campaign(context, self._campaign)
        symbols = {token.address: token.symbol for token in campaign.tokens.values()}
        if not symbols.keys() >= set(tokens.values()):
            raise refused(Refusal.UNKNOWN_TOKEN)
        named = {name: symbols[address] for name, address in tokens.items()}
        row = trades.place(
            context,
            campaign.name,
            wallet,
            {"order": kind, **named, **request},
            request_key=idempotency.token(self._request),
            record=self._acting.log.record,
        )
        if row["reason"] is not None:
            raise refused(row["reason"])
        self._response.status_code = 201 if row["status"] == "filled" else 202
        self._response.headers["Location"] = f"/api/orders/{row['id']}"
        return Envelope(data=answers_of(context, campaign.name, [row])[0])


OrderEntry = Annotated[_OrderEntry, Depends(_OrderEntry)]


@_route("/swap")
@writes(PLACE)
def swap(body: SwapRequest, entry: OrderEntry) -> Envelope[OrderAnswer]:
    """Swap a token for another of equal value in USD, at the first tick after this that holds both."""
    tokens = {"from": body.from_token_address, "to": body.to_token_address}
    return entry.place(body.wallet_address, "swap", tokens, amount=body.amount)


@_route("/stake")
@writes(PLACE)
def stake(body: StakeRequest, entry: OrderEntry) -> Envelope[OrderAnswer]:
    """Stake a token at once; each whole UTC day bears interest, from today on and without the last one."""
    return entry.place(body.wallet_address, "stake", {"token": body.token_address}, amount=body.amount)


@_route("/liquid-stake")
@writes(PLACE)
def liquid_stake(body: StakeRequest, entry: OrderEntry) -> Envelope[OrderAnswer]:
    """Give a token for the one that stands for it in its pool, at once and at today's rate."""
    return entry.place(body.wallet_address, "liquid_stake", {"token": body.token_address}, amount=body.amount)


@_route("/unstake")
@writes(PLACE)
def unstake(body: UnstakeRequest, entry: OrderEntry) -> Envelope[OrderAnswer]:
    """End a staking, paid with its interest; of a liquid one the whole minted amount is given back."""
    return entry.place(body.wallet_address, "unstake", {}, investment=body.investment_id)


@_route("/perp/open")
@writes(PLACE)
def open_position(body: PerpOpenRequest, entry: OrderEntry) -> Envelope[OrderAnswer]:
    """Open a position at the first tick after this that holds the token; its collateral is kept from now on."""
    return entry.place(
        body.wallet_address,
        "perp_open",
        {"token": body.token_address},
        collateral=body.collateral_amount,
        leverage=body.leverage,
        direction=body.direction,
    )


@_route("/perp/close/{position_id}")
@writes(PLACE)
def close_position(
    position_id: Annotated[Text, Path()], body: PerpCloseRequest, entry: OrderEntry
) -> Envelope[OrderAnswer]:
    """Close a position at the first tick after this that holds its token. `pnl` is told once it is closed."""
    return entry.place(body.wallet_address, "perp_close", {}, position=position_id)


def answers_of(context: TradingContext, name: str, rows: Sequence[Mapping[str, Any]]) -> list[OrderAnswer]:
    """Orders, each with the age of the prices that it depends on."""
    campaign = market.campaign(context, name)
    ages = {price["symbol"]: price["price_age"] for price in listings.prices(context, name)}
    return [OrderAnswer.of_order(row, campaign, ages) for row in rows]

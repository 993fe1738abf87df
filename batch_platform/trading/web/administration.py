"""What administrators do with the competition, each declared once for API, command line and console."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from batch_platform.core.messages import Message
from batch_platform.kit.actions import Action, Nothing, Targets
from batch_platform.kit.session import Session
from batch_platform.trading import amounts
from batch_platform.trading.service import TradingContext, prices, registration
from batch_platform.trading.service import administration as service
from batch_platform.trading.service.engine import Row
from batch_platform.trading.web.wire import At
from batch_platform.web.api.strict import IsoDate, SnakeModel, StrictModel, Text

PERMISSION: Final = "trading:administer"
MAX_LEVERAGE: Final = 20
"""What the form of a token offers."""


def _digits(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^({pattern})$"})


Bps = Annotated[amounts.Bps, _digits(r"10000|[0-9]{1,4}(\.[0-9]{1,18})?")]
YearlyRate = Annotated[amounts.YearlyRate, _digits(r"-?[0-9]{1,2}(\.[0-9]{1,5})?|[1-9][0-9]{2,3}(\.[0-9]{1,5})?")]
FundingRate = Annotated[amounts.FundingRate, _digits(r"-?0(\.([0-2][0-9]{0,11}|3[01][0-9]{0,10}|32))?")]
Above0 = Annotated[amounts.Price, _digits(r"[1-9][0-9]{0,14}(\.[0-9]{1,18})?|0\.[0-9]{0,17}[1-9]")]


def _pairs(value: Any) -> Any:
    """`SOL=12,USDC=900` of a form or a command."""
    if not isinstance(value, str):
        return value
    pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
    if not pairs or not all(symbol and amount for symbol, _, amount in pairs):
        raise ValueError(Message("amounts-format", "is written TOKEN=AMOUNT,TOKEN=AMOUNT"))
    return {symbol: amount for symbol, _, amount in pairs}


Amounts = Annotated[
    dict[str, str],
    BeforeValidator(_pairs),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}),
    Field(min_length=1, description="Amounts as text by symbol.", examples=[{"SOL": "12", "USDC": "900"}]),
]
Reason = Annotated[Text, Field(min_length=1, max_length=500, description="Why; it stays in the log.")]


class CampaignRequest(SnakeModel):
    """When it begins and ends, fees in basis points, the highest worth of a trade in USD."""

    starts_at: At | None = Field(None, description="Before it nothing is traded, YYYY-MM-DDTHH:MM:SSZ.")
    ends_at: At | None = Field(None, description="From it on nothing is traded, YYYY-MM-DDTHH:MM:SSZ.")
    swap_fee_bps: Bps | None = Field(None, description="Fee of swaps in basis points.")
    perp_fee_bps: Bps | None = Field(None, description="Fee of opening and closing positions in basis points.")
    max_trade_usd: Above0 | None = Field(None, description="The highest worth of one trade in USD.")


class GrantsRequest(SnakeModel):
    """What every player starts with."""

    amounts: Amounts


class OfCampaign(SnakeModel):
    """In a campaign, the live one by default."""

    campaign: Text | None = Field(None, min_length=1, max_length=100, description="The campaign.")


class TokenRequest(OfCampaign):
    """A token. Without `perp_max_leverage` there is no perpetual future on it."""

    address: Text = Field(min_length=1, max_length=255, description="Its mint.")
    name: Text | None = Field(None, min_length=1, max_length=255)
    decimals: int = Field(ge=0, le=amounts.MAX_TOKEN_DECIMALS)
    type: Literal["normal", "lending", "perp", "liquid_staking"] = "normal"
    icon_url: Text | None = Field(None, max_length=512, pattern=r"^https://[^\s]+$")
    perp_max_leverage: int | None = Field(None, ge=1, le=1_000, description="Highest leverage of positions.")


class TokenChangeRequest(OfCampaign):
    """What is left out stays."""

    name: Text | None = Field(None, min_length=1, max_length=255)
    icon_url: Text | None = Field(None, max_length=512, pattern=r"^https://[^\s]+$")
    perp_max_leverage: int | None = Field(None, ge=1, le=1_000, description="Highest leverage of positions.")


class PoolRequest(OfCampaign):
    """The token that stands for a staked one, and how many of the staked one it is worth on the first day."""

    lst: Text = Field(min_length=1, max_length=63, description="Symbol of the token that is minted.")
    exchange_rate: Above0 = Field(description="Worth of one LST in base tokens on the first day.")


class InterestRateRequest(OfCampaign):
    """Percent a year from a UTC day on."""

    action: Literal["staking", "liquid_staking"]
    rate: YearlyRate = Field(description="Percent a year, at most 5 decimals.")
    effective: IsoDate = Field(description="The first UTC day that bears it.")


class FundingRateRequest(OfCampaign):
    """A rate of eight hours."""

    rate: FundingRate = Field(description="Of eight hours, at most 12 decimals; positive: longs pay.")
    at: At | None = Field(None, description="From this moment on; default: now.")


class AcceptPriceRequest(OfCampaign):
    """The price that was seen; another one is refused with 409."""

    price: Above0 | None = Field(None, description="The refused price in USD, so that no other one is accepted.")


class MoveRequest(OfCampaign):
    """A deposit, or a correction of signed amounts."""

    flow: Literal["deposit", "correction"]
    amounts: Amounts
    reason: Reason


class ReasonRequest(OfCampaign):
    """Why."""

    reason: Reason


Done = Action[TradingContext, Any, Row, Row]


def _action(name: str, given: type[StrictModel], do: Callable[..., Row]) -> Done:
    """Of one target; the use case writes the audit row itself, and takes a dry run back at its end."""

    def act(session: Session[TradingContext], targets: Targets, given: Any, *, dry_run: bool) -> Row:
        [target] = targets
        return do(session, target, given, dry_run=dry_run)

    return Action(
        name=name,
        permission=PERMISSION,
        input=given,
        look=partial(act, dry_run=True),
        do=partial(act, dry_run=False),
        recorded=True,
    )


def _of_campaign(use_case: Callable[..., Row]) -> Callable[..., Row]:
    """Whose target is the campaign."""

    def do(session: Session[TradingContext], name: str, given: StrictModel, *, dry_run: bool) -> Row:
        return use_case(session.context, name, record=session.log.record, dry_run=dry_run, **given.model_dump())

    return do


def _in_campaign(use_case: Callable[..., Row], renamed: Mapping[str, str] | None = None) -> Callable[..., Row]:
    """Whose target is something in a campaign."""

    def do(session: Session[TradingContext], target: str, given: OfCampaign, *, dry_run: bool) -> Row:
        values = given.model_dump(exclude={"campaign"})
        values = {(renamed or {}).get(name, name): value for name, value in values.items()}
        name = given.campaign or session.context.campaign
        return use_case(session.context, name, target, record=session.log.record, dry_run=dry_run, **values)

    return do


def _accept_price(session: Session[TradingContext], symbol: str, given: AcceptPriceRequest, *, dry_run: bool) -> Row:
    context, name = session.context, given.campaign or session.context.campaign
    if dry_run:
        return prices.refused_jump(context, name, symbol, price=given.price)
    return prices.accept(context, name, symbol, record=session.log.record, price=given.price)


def _move(session: Session[TradingContext], wallet: str, given: MoveRequest, *, dry_run: bool) -> Row:
    return registration.move(
        session.context,
        given.campaign or session.context.campaign,
        wallet,
        given.flow,
        given.amounts,
        reason=given.reason,
        record=session.log.record,
        request_key=session.log.key,
        dry_run=dry_run,
    )


def _status(status: str) -> Callable[..., Row]:
    def do(session: Session[TradingContext], wallet: str, given: ReasonRequest, *, dry_run: bool) -> Row:
        return registration.set_status(
            session.context,
            given.campaign or session.context.campaign,
            wallet,
            status,
            reason=given.reason,
            record=session.log.record,
            dry_run=dry_run,
        )

    return do


ADD_CAMPAIGN: Final = _action(service.ADD_CAMPAIGN, CampaignRequest, _of_campaign(service.add_campaign))
CHANGE_CAMPAIGN: Final = _action(service.CHANGE_CAMPAIGN, CampaignRequest, _of_campaign(service.change_campaign))
END_CAMPAIGN: Final = _action(service.END_CAMPAIGN, Nothing, _of_campaign(service.end_campaign))
SET_GRANTS: Final = _action(service.SET_GRANTS, GrantsRequest, _of_campaign(service.set_grants))
ADD_TOKEN: Final = _action(service.ADD_TOKEN, TokenRequest, _in_campaign(service.add_token, {"name": "label"}))
CHANGE_TOKEN: Final = _action(
    service.CHANGE_TOKEN, TokenChangeRequest, _in_campaign(service.change_token, {"name": "label"})
)
ADD_POOL: Final = _action(service.ADD_POOL, PoolRequest, _in_campaign(service.add_pool))
ADD_INTEREST_RATE: Final = _action(
    service.ADD_INTEREST_RATE, InterestRateRequest, _in_campaign(service.add_interest_rate)
)
ADD_FUNDING_RATE: Final = _action(
    service.ADD_FUNDING_RATE, FundingRateRequest, _in_campaign(service.add_funding_rate)
)
ACCEPT_PRICE: Final = _action(prices.ACCEPT, AcceptPriceRequest, _accept_price)
MOVE: Final = _action(registration.MOVE, MoveRequest, _move)
DISQUALIFY: Final = _action(registration.STATUSES["disqualified"], ReasonRequest, _status("disqualified"))
REINSTATE: Final = _action(registration.STATUSES["active"], ReasonRequest, _status("active"))

ADMINISTRATION: Final = (
    ADD_CAMPAIGN,
    CHANGE_CAMPAIGN,
    END_CAMPAIGN,
    SET_GRANTS,
    ADD_TOKEN,
    CHANGE_TOKEN,
    ADD_POOL,
    ADD_INTEREST_RATE,
    ADD_FUNDING_RATE,
    ACCEPT_PRICE,
    MOVE,
    DISQUALIFY,
    REINSTATE,
)


def shown(row: Row) -> dict[str, Any]:
    """What came of it, in JSON's values."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return amounts.plain(value)
    return value.isoformat() if isinstance(value, datetime) else value

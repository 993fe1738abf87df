"""What the API of the competition takes and tells, by the names of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field

from batch_platform.trading.amounts import plain
from batch_platform.trading.answer import RESULTS
from batch_platform.trading.model import Campaign
from batch_platform.trading.web.wire import Address, Amount, Email, Moment, Number, Usd, Wallet
from batch_platform.web.api.answers import From, SnakeAnswer
from batch_platform.web.api.strict import SnakeModel, StrictBool, Text

Row = Mapping[str, Any]

EXPIRES_AFTER: Final = timedelta(seconds=1_800)
"""How long an order waits for a price."""


class UserRequest(SnakeModel):
    """A player, by the wallet that has signed in. Who is registered already stays as registered."""

    wallet_address: Wallet
    username: Text | None = Field(None, min_length=1, max_length=255)
    email: Email | None = None
    trade_style: Text | None = Field(None, max_length=50)
    total_asset_usd: Usd | None = None
    crypto_investment_usd: Usd | None = None
    mail_notifications: StrictBool = Field(False, description="Fills, liquidations and the end by mail too.")


class UserAnswer(SnakeAnswer):
    """A row of `users`."""

    id: str
    username: str
    email: str | None
    wallet_address: str
    total_asset_usd: Number
    crypto_investment_usd: Number
    trade_style: str | None
    mail_notifications: Annotated[bool, From("mails")]
    status: Literal["active", "disqualified"]
    created_at: Moment
    updated_at: Moment


class TokenAnswer(SnakeAnswer):
    """A row of `tokens`; `perp_max_leverage` is null where there is no perpetual future on it."""

    address: str
    symbol: str
    name: str
    decimals: int
    icon_url: str | None
    type: str
    perp_max_leverage: int | None
    lst_address: str | None


class TokensAnswer(SnakeAnswer):
    """All of them."""

    tokens: list[TokenAnswer]


class PriceAnswer(SnakeAnswer):
    """The newest accepted price; `age` in seconds. `is_good`: it counts; older than 30 minutes it does not."""

    token_address: Annotated[str, From("address")]
    symbol: str
    price_usd: Number
    last_updated: Moment
    source: str
    age: Annotated[int, From(lambda row: max(0, row["price_age"]))]
    is_good: bool


class PricesAnswer(SnakeAnswer):
    """Prices as of `timestamp`; a token that was never priced is left out.

    `tick` is the campaign's newest tick, `prices_age` the age of the oldest of these prices in seconds.
    """

    prices: list[PriceAnswer]
    timestamp: Moment
    tick: Moment | None
    prices_age: int | None


class SwapRequest(SnakeModel):
    """An amount of one token for as much as it is worth of another."""

    wallet_address: Wallet
    from_token_address: Address
    to_token_address: Address
    amount: Amount


class StakeRequest(SnakeModel):
    """An amount of a token, at its daily interest."""

    wallet_address: Wallet
    token_address: Address
    amount: Amount


class UnstakeRequest(SnakeModel):
    """An investment back, with what it has earned."""

    wallet_address: Wallet
    investment_id: Text


class PerpOpenRequest(SnakeModel):
    """A position on a token, its collateral in USDC."""

    wallet_address: Wallet
    token_address: Address
    collateral_amount: Amount
    leverage: int = Field(ge=0, le=1_000_000, examples=[5])
    direction: Literal["long", "short"]


class PerpCloseRequest(SnakeModel):
    """Whose position it is."""

    wallet_address: Wallet


class OrderAnswer(SnakeAnswer):
    """An order: `filled`, or `pending` until the next tick that holds its tokens, at the latest until `expires_at`.

    `reason` says why one is `rejected` or `expired`. `position_id` and `investment_id` are what it makes or ends;
    `pnl` is what a closed position has come to, in USD. `details` has what was asked for, and what came of it.
    """

    order_id: Annotated[str, From("id")]
    type: Annotated[str, From("kind")]
    status: Literal["pending", "filled", "rejected", "expired"]
    reason: str | None
    accepted_at: Moment
    settled_at: Moment | None
    expires_at: Moment | None
    position_id: str | None
    investment_id: str | None
    pnl: Number | None
    details: dict[str, Any]
    tick: Moment | None
    prices_age: int | None

    @classmethod
    def of_order(cls, row: Row, campaign: Campaign, ages: Mapping[str, int | None]) -> Self:
        kind, request = row["kind"], row["request"]
        accepted_at: datetime = row["accepted_at"]
        known = [age for name in ("from", "to", "token") if (age := ages.get(request.get(name, ""))) is not None]
        opens, stakes = kind == "perp_open", kind in ("stake", "liquid_stake")
        return cls.of(
            row,
            expires_at=accepted_at + EXPIRES_AFTER if row["status"] == "pending" else None,
            position_id=row["id"] if opens else request.get("position"),
            investment_id=row["id"] if stakes else request.get("investment"),
            details=_details(row, campaign),
            tick=campaign.tick_at,
            prices_age=max(known, default=None),
        )


def _details(row: Row, campaign: Campaign) -> dict[str, Any]:
    """What was asked for by the spec's names, and the result by the name that its kind gives it."""
    request = row["request"]
    details: dict[str, Any] = {
        spec: campaign.tokens[request[name]].address
        for name, spec in (("from", "from_token_address"), ("to", "to_token_address"), ("token", "token_address"))
        if name in request and request[name] in campaign.tokens
    }
    names = {"amount": "amount", "collateral": "collateral_amount", "leverage": "leverage", "direction": "direction"}
    details |= {spec: request[name] for name, spec in names.items() if name in request}
    if row["status"] == "filled" and row["kind"] in RESULTS:
        details[RESULTS[row["kind"]]] = plain(row["result"])
    if row["fee"] is not None:
        details["fee"] = plain(row["fee"])
    return details

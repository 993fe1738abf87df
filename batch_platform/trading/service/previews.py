"""What an order would come to at the newest prices, before it is placed; nothing is stored, nothing is promised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from batch_platform.trading import perps, staking, swaps
from batch_platform.trading.amounts import PRICE_DECIMALS, half_even
from batch_platform.trading.model import USDC, Campaign, Direction, Refusal, Token
from batch_platform.trading.orders import Terms, terms
from batch_platform.trading.service import engine
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.looking import look
from batch_platform.trading.store import Session
from batch_platform.trading.valuation import Quote, quote


@dataclass(frozen=True)
class Preview:
    """What is known of an order already; None where its kind has no such thing, or it cannot be said yet.

    `available` is what the wallet holds of the token `paid_token` that is given. `rate` is how much of the token that
    is received one of the given is worth, or the yearly percent of a stake. `price_age` is in seconds, of the oldest
    price that was used; `is_priced` says whether all prices that are needed are good.
    """

    kind: str
    reason: Refusal | None = None
    paid_token: str | None = None
    available: Decimal | None = None
    cost: Decimal | None = None
    received_token: str | None = None
    amount_out: Decimal | None = None
    fee: Decimal | None = None
    rate: Decimal | None = None
    price: Decimal | None = None
    price_age: int | None = None
    is_priced: bool = True
    quantity: Decimal | None = None
    liquidation_price: Decimal | None = None


@dataclass(frozen=True)
class _Market:
    """By symbol: the newest prices, the exchange rates of LSTs, yearly rates of staking, what the wallet holds."""

    campaign: Campaign
    prices: Mapping[str, Quote]
    exchange_rates: Mapping[str, Decimal]
    staking_rates: Mapping[str, Decimal]
    held: Mapping[str, Decimal]


def preview(context: TradingContext, name: str, wallet: str, request: Mapping[str, Any]) -> Preview:
    """Of an order as a line of a contest has it. Raises `NotFound`, and `KeyError` for a field that is missing."""
    with context.store.snapshot() as session:
        seen = look(context, session, name, wallet, None)
        market = _market(session, engine.campaign(session, name), seen.user_no, seen.at)
    order = terms(request, market.campaign)
    shown = _PREVIEWS[order.kind](order, market, request)
    if shown.paid_token is None:
        return shown
    shown = replace(shown, available=market.held.get(shown.paid_token, Decimal(0)))
    needed = order.cost
    if shown.reason is None and needed is not None and shown.available is not None and needed > shown.available:
        return replace(shown, reason=Refusal.INSUFFICIENT_BALANCE)
    return shown


def _market(session: Session, campaign: Campaign, user_no: int, at: datetime) -> _Market:
    number = campaign.number
    return _Market(
        campaign,
        {row["symbol"]: quote(row["price_usd"], row["last_updated"], at) for row in session.token_list(number)},
        {
            row["lst"]: row["exchange_rate"] or row["first_rate"]
            for row in session.pool_list(number, at.astimezone(UTC).date())
        },
        _staking_rates(session.rate_list(number), at),
        {row["token"]: row["balance"] for row in session.holdings(number, user_no, at)},
    )


def _staking_rates(rows: list[Row], at: datetime) -> dict[str, Decimal]:
    """The newest rate of each token that has begun: rows come by the day."""
    today = at.astimezone(UTC).date()
    return {row["token"]: row["rate"] for row in rows if row["action"] == "staking" and row["since"] <= today}


def _swap(order: Terms, market: _Market, request: Mapping[str, Any]) -> Preview:
    paid, received = _token(market, request["from"]), _token(market, request["to"])
    if paid is None or received is None or order.reason is Refusal.SAME_TOKEN:
        return Preview("swap", order.reason, paid_token=paid.symbol if paid else None)
    sold, bought = market.prices[paid.symbol], market.prices[received.symbol]
    shown = Preview(
        "swap",
        order.reason,
        paid_token=paid.symbol,
        cost=order.cost,
        received_token=received.symbol,
        price_age=_oldest(sold, bought),
        is_priced=sold.is_good and bought.is_good,
    )
    if sold.price is None or bought.price is None:
        return shown
    shown = replace(shown, rate=half_even(Fraction(sold.price) / Fraction(bought.price), PRICE_DECIMALS))
    if order.amount is None:
        return shown
    given = swaps.quote(
        order.amount,
        price_from=sold.price,
        price_to=bought.price,
        decimals_to=received.decimals,
        fee_bps=market.campaign.swap_fee_bps,
    )
    if isinstance(given, Refusal):
        return replace(shown, reason=given)
    return replace(shown, amount_out=given.amount_out, fee=given.fee)


def _stake(order: Terms, market: _Market, request: Mapping[str, Any]) -> Preview:
    token = _token(market, request["token"])
    if token is None:
        return Preview("stake", order.reason)
    rate = market.staking_rates.get(token.symbol, Decimal(0))
    return Preview("stake", order.reason, paid_token=token.symbol, cost=order.cost, rate=rate)


def _liquid_stake(order: Terms, market: _Market, request: Mapping[str, Any]) -> Preview:
    token = _token(market, request["token"])
    lst = token and next(
        (listed for listed in market.campaign.tokens.values() if listed.number == token.lst_no), None
    )
    if token is None or lst is None:
        return Preview("liquid_stake", order.reason, paid_token=token.symbol if token else None)
    rate = market.exchange_rates.get(lst.symbol)
    shown = Preview(
        "liquid_stake",
        order.reason,
        paid_token=token.symbol,
        cost=order.cost,
        received_token=lst.symbol,
        rate=rate,
    )
    if order.amount is None or rate is None:
        return shown
    minted = staking.mint(order.amount, rate, lst.decimals)
    return replace(shown, reason=minted) if isinstance(minted, Refusal) else replace(shown, amount_out=minted)


def _perp_open(order: Terms, market: _Market, request: Mapping[str, Any]) -> Preview:
    token = _token(market, request["token"])
    cash = USDC if market.campaign.usdc else None
    if token is None or token.perp_max_leverage is None:
        return Preview("perp_open", order.reason, paid_token=cash)
    price = market.prices[token.symbol]
    shown = Preview(
        "perp_open",
        order.reason,
        paid_token=cash,
        cost=order.cost,
        received_token=token.symbol,
        fee=order.fee,
        price=price.price,
        price_age=price.age,
        is_priced=price.is_good,
    )
    if order.amount is None or order.leverage is None or price.price is None:
        return shown
    size = perps.quantity(order.amount, order.leverage, price.price)
    if isinstance(size, Refusal):
        return replace(shown, reason=size)
    position = perps.Position(
        Direction.LONG if order.side == 1 else Direction.SHORT,
        order.amount,
        order.leverage,
        token.perp_max_leverage,
        price.price,
        size,
    )
    return replace(shown, quantity=size, liquidation_price=perps.liquidation_price(position, Decimal(0)))


_PREVIEWS = {"swap": _swap, "stake": _stake, "liquid_stake": _liquid_stake, "perp_open": _perp_open}


def _token(market: _Market, symbol: str) -> Token | None:
    return market.campaign.tokens.get(symbol)


def _oldest(*quotes: Quote) -> int | None:
    ages = [each.age for each in quotes if each.age is not None]
    return max(ages, default=None)

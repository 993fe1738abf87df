"""What can be said of an order without looking at anybody's balance: its tokens, its leverage, its amount.

An order is asked for as a line of a contest has it: `order` is its kind, beside it stand the kind's own fields
(tokens by symbol, amounts as text).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from batch_platform.trading import perps
from batch_platform.trading.amounts import exact, parse_amount
from batch_platform.trading.model import Campaign, Direction, Refusal, Token

Request = Mapping[str, Any]


@dataclass(frozen=True)
class Terms:
    """An order by the numbers of its tokens.

    `token_no` is what is paid with, `cost` how much of it is needed: the amount, or collateral and fee. `target` is
    the position or investment that it ends. `reason`: why it is refused already.
    """

    kind: str
    token_no: int | None = None
    to_token_no: int | None = None
    amount: Decimal | None = None
    cost: Decimal | None = None
    fee: Decimal | None = None
    leverage: int | None = None
    side: int | None = None
    target: str | None = None
    reason: Refusal | None = None


def terms(request: Request, campaign: Campaign) -> Terms:
    """The terms of an order. Raises `KeyError` for a kind or field that is missing."""
    kind: str = request["order"]
    return _TERMS[kind](request, campaign)


def _swap(request: Request, campaign: Campaign) -> Terms:
    paid, bought = campaign.tokens.get(request["from"]), campaign.tokens.get(request["to"])
    if paid is None or bought is None:
        return Terms("swap", reason=Refusal.UNKNOWN_TOKEN)
    if paid == bought:
        return Terms("swap", reason=Refusal.SAME_TOKEN)
    return _paying("swap", paid, request["amount"], to_token_no=bought.number)


def _stake(request: Request, campaign: Campaign) -> Terms:
    token = campaign.tokens.get(request["token"])
    if token is None:
        return Terms("stake", reason=Refusal.UNKNOWN_TOKEN)
    return _paying("stake", token, request["amount"])


def _liquid_stake(request: Request, campaign: Campaign) -> Terms:
    token = campaign.tokens.get(request["token"])
    if token is None or token.lst_no is None:
        return Terms("liquid_stake", reason=Refusal.UNKNOWN_TOKEN)
    return _paying("liquid_stake", token, request["amount"], to_token_no=token.lst_no)


def _paying(kind: str, token: Token, text: object, *, to_token_no: int | None = None) -> Terms:
    amount = _amount(text, token)
    if amount is None:
        return Terms(kind, reason=Refusal.INVALID_AMOUNT)
    return Terms(kind, token.number, to_token_no, amount, cost=amount)


def _perp_open(request: Request, campaign: Campaign) -> Terms:
    token, usdc = campaign.tokens.get(request["token"]), campaign.usdc
    leverage, direction = request["leverage"], Direction(request["direction"])
    if token is None or token.perp_max_leverage is None or usdc is None:
        return Terms("perp_open", reason=Refusal.UNKNOWN_TOKEN)
    if not 1 <= leverage <= token.perp_max_leverage:
        return Terms("perp_open", reason=Refusal.LEVERAGE_OUT_OF_RANGE)
    collateral = _amount(request["collateral"], usdc)
    if collateral is None:
        return Terms("perp_open", reason=Refusal.INVALID_AMOUNT)
    fee = perps.open_fee(collateral, leverage, campaign.perp_fee_bps)
    cost = exact(Fraction(collateral) + Fraction(fee))
    return Terms("perp_open", usdc.number, token.number, collateral, cost, fee, leverage, direction.sign)


def _amount(text: object, token: Token) -> Decimal | None:
    try:
        return parse_amount(text, token.decimals)
    except ValueError:
        return None


_TERMS: Final[Mapping[str, Callable[[Request, Campaign], Terms]]] = {
    "swap": _swap,
    "stake": _stake,
    "liquid_stake": _liquid_stake,
    "unstake": lambda request, _: Terms("unstake", target=request["investment"]),
    "perp_open": _perp_open,
    "perp_close": lambda request, _: Terms("perp_close", target=request["position"]),
}

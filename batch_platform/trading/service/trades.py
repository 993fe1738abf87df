"""Orders of players in a live campaign: accepted, refused or filled at once, whatever else happens at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.trading.model import Campaign, Refusal
from batch_platform.trading.orders import terms
from batch_platform.trading.service import engine, live, notices
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.registration import Record
from batch_platform.trading.store import Session

PLACE: Final = "order.place"
"""What the audit log calls it."""


def place(
    context: TradingContext,
    name: str,
    wallet: str,
    request: Mapping[str, Any],
    *,
    request_key: str | None = None,
    record: Record | None = None,
) -> Row:
    """An order of a player: its row, with why it was refused where it was.

    `request` is as a line of a contest has it: `order` and the fields of its kind, amounts as text. Under the same
    `request_key` the order of the first time is given again. `record` writes down that an order was accepted. Raises
    `NotFound` for a campaign or player there is not, `InvalidInput` for a request that lacks a field or a key that
    came with another one, `Conflict` for a campaign that has not begun, or a trade beyond its limit.
    """
    with live.acting(context, name) as (session, campaign):
        now = context.clock()  # within the lock: who takes a snapshot has waited for it
        player = live.player(session, campaign, wallet)
        if request_key is not None:
            known = session.order_of_key(player["user_no"], request_key)
            if known is not None:
                return _again(known, request)
        at = live.order_second(now, campaign, player["acted_at"])
        _check(session, campaign, request, at)
        engine.advance(session, campaign, at)
        ended_at = campaign.ends_at or at  # what waited then is expired by the end itself
        settled = engine.settle(session, campaign, min(at, ended_at), user_no=player["user_no"])
        notices.tell(session, now, settled=settled)
        row = engine.order_row(campaign, player["user_no"], at, context.new_id(now), request)
        row["request_key"] = request_key
        if campaign.ends_at is not None and at >= campaign.ends_at:
            row["reason"] = Refusal.CAMPAIGN_ENDED
        [order] = session.accept_orders(campaign.number, [row])
        if order["status"] == "pending":
            session.wish_prices(campaign.number, session.tokens_of_order(order["order_no"]), now)
        if record is not None and order["status"] != "rejected":
            record(session.connection, PLACE, order["id"], None, {"wallet_address": wallet, **request})
        return session.order_by_no(order["order_no"])


def _again(known: Row, request: Mapping[str, Any]) -> Row:
    if known["request"] != request:
        raise InvalidInput(
            "idempotency-key-reused",
            "this Idempotency-Key came with another body before",
            field="Idempotency-Key",
        )
    return known


def _check(session: Session, campaign: Campaign, request: Mapping[str, Any], at: datetime) -> None:
    try:
        order = terms(request, campaign)
    except (KeyError, ValueError) as error:
        raise InvalidInput("order-incomplete", "an order lacks {reason}", reason=str(error)) from None
    if campaign.starts_at is not None and at < campaign.starts_at:
        raise Conflict("campaign-not-begun", "campaign {campaign} has not begun", campaign=campaign.name)
    if campaign.max_trade_usd is None or order.amount is None or order.token_no is None:
        return
    worth = session.notional_usd(order.token_no, order.amount * (order.leverage or 1))
    if worth is not None and worth > campaign.max_trade_usd:
        raise Conflict(
            "trade-too-large",
            "a trade may be worth {limit} USD at most",
            limit=campaign.max_trade_usd.normalize(),
            field="amount",
        )

"""What players are told: fills, orders that came to nothing, liquidations, the end; in the app, and by mail if asked.

Told in the transaction of the fact, so there is no fill without its notice and no notice without its fill.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from batch_platform.outbox.service import InAppNotice, Inbox
from batch_platform.outbox.service import mark_read as mark_read_notices
from batch_platform.trading.service import live, registration
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.registration import Record
from batch_platform.trading.store import Session

TEMPLATES: Final = "batch_platform.trading"
SET_MAILS: Final = "player.mails"
"""What the audit log calls it."""

_DOMAIN: Final = "trading"
_INBOX: Final = Inbox(_DOMAIN, TEMPLATES)


def tell(session: Session, now: datetime, *, settled: Sequence[Row] = (), liquidated: Sequence[Row] = ()) -> None:
    """What has become of orders and positions, rows of the engine with their `order_no`."""
    if settled:
        session.tell_orders([row["order_no"] for row in settled], now)
    if liquidated:
        session.tell_liquidations([row["order_no"] for row in liquidated], now)


def notices(
    context: TradingContext, name: str, wallet: str, *, unread: bool = False, limit: int, cursor: str | None = None
) -> tuple[list[InAppNotice], str | None]:
    """A page of what a player was told, newest first, and the cursor of the next one. Raises `NotFound`."""
    player = registration.player(context, name, wallet)
    with context.store.transaction() as session:
        return _INBOX.page(session.connection, player["id"], unread=unread, limit=limit, cursor=cursor)


def mark_read(context: TradingContext, name: str, wallet: str, ids: Sequence[UUID] | None = None) -> int:
    """Mark these as read, or all; how many were not. Raises `NotFound`."""
    player = registration.player(context, name, wallet)
    with context.store.transaction() as session:
        return mark_read_notices(session.connection, _DOMAIN, player["id"], ids, at=context.clock())


def set_mails(context: TradingContext, name: str, wallet: str, *, mails: bool, record: Record) -> Row:
    """Whether a player is told by mail too, at the address that he has given. Raises `NotFound`."""
    with live.acting(context, name) as (session, campaign):
        player = live.player(session, campaign, wallet)
        if session.set_mails(player["user_no"], context.clock(), mails=mails):
            record(session.connection, SET_MAILS, wallet, {"mails": not mails}, {"mails": mails})
    return {**registration.player(context, name, wallet)}

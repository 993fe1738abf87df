"""What happened to a player: transactions and orders, page by page, the newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from batch_platform.core import cursors
from batch_platform.core.failures import NotFound
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.looking import look


@dataclass(frozen=True)
class Page:
    """Rows, the cursor of what follows them, and how many there are on all pages."""

    rows: list[Row]
    cursor: str | None
    total: int


def transactions(
    context: TradingContext,
    campaign: str,
    wallet: str,
    *,
    kind: str | None = None,
    limit: int = 20,
    offset: int = 0,
    cursor: str | None = None,
) -> Page:
    """Filled orders, liquidations, grants and other flows; `kind` is a transaction type.

    Raises `NotFound`, and `InvalidInput` for a foreign cursor.
    """
    before = cursors.decode(cursor, at=datetime, number=int, kind_before=str)
    with context.store.snapshot() as session:
        seen = look(context, session, campaign, wallet, None)
        listed = session.transactions(seen.user_no, kind=kind, before=before, limit=limit + 1, offset=offset)
        total = session.count_transactions(seen.user_no, kind)
    rows, following = cursors.cut(
        listed,
        limit,
        lambda row: {"at": row["created_at"], "number": row["number"], "kind_before": row["transaction_type"]},
    )
    return Page(rows, following, total)


def orders(
    context: TradingContext,
    campaign: str,
    wallet: str,
    *,
    status: str | None = None,
    limit: int = 20,
    offset: int = 0,
    cursor: str | None = None,
) -> Page:
    """Orders of whatever status. Raises `NotFound`, and `InvalidInput` for a foreign cursor."""
    before = cursors.decode(cursor, at=datetime, number=int)
    with context.store.snapshot() as session:
        seen = look(context, session, campaign, wallet, None)
        listed = session.orders(seen.user_no, status=status, before=before, limit=limit + 1, offset=offset)
        total = session.count_orders(seen.user_no, status)
    rows, following = cursors.cut(listed, limit, lambda row: {"at": row["accepted_at"], "number": row["order_no"]})
    return Page(rows, following, total)


def withdrawn(context: TradingContext, campaign: str, wallet: str) -> list[Row]:
    """Investments that have ended, in the order in which they began. Raises `NotFound`."""
    with context.store.snapshot() as session:
        return session.withdrawn(look(context, session, campaign, wallet, None).user_no)


def order(context: TradingContext, campaign: str, order_id: str) -> Row:
    """An order with the wallet of its player. Raises `NotFound`."""
    with context.store.snapshot() as session:
        row = session.order(campaign, order_id)
    if row is None:
        raise NotFound("unknown-order", "no order {order}", order=order_id, field="order_id")
    return row

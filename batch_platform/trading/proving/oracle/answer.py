"""All of it as JSON, as `trading replay --json` says it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from batch_platform.trading.proving.oracle.board import Board, Row, baseline_of
from batch_platform.trading.proving.oracle.books import Investment, Order
from batch_platform.trading.proving.oracle.exact import half_even, plain
from batch_platform.trading.proving.oracle.lines import instant
from batch_platform.trading.proving.oracle.market import Market
from batch_platform.trading.proving.oracle.perps import Position
from batch_platform.trading.proving.oracle.play import Played

Json = dict[str, Any]


def answer(played: Played) -> Json:
    market, books, valuer = played.market, played.books, played.valuer
    baselines = {user.id: flow for user in books.users.values() if (flow := baseline_of(user)) is not None}
    return {
        "orders": {order.id: _order(order) for order in books.orders.values()},
        "positions": {position.id: _position(position, market) for position in books.positions.values()},
        "investments": {investment.id: _investment(investment, market) for investment in books.investments.values()},
        "balances": {
            user.id: {token: plain(amount) for token, amount in sorted(user.wallet.items()) if amount}
            for user in books.users.values()
        },
        "funding_index": {token: plain(index) for token, index in market.funding.items()},
        "lst_rates": {lst: plain(rate) for lst, rate in market.lst_rates.items()},
        "baselines": {
            user: {"at": instant(flow.valued_at or 0), "value_usd": plain(flow.value)}
            for user, flow in baselines.items()
        },
        "snapshots": [_row(row) for row in valuer.rows],
        "incomplete": [
            {"user": user, "at": instant(at), "missing": missing} for user, at, missing in valuer.incomplete
        ],
        "leaderboard": {instant(at): _board(board) for at, board in valuer.boards.items()},
    }


def _order(order: Order) -> Json:
    fields: Json = {"status": order.status}
    if order.reason:
        fields["reason"] = order.reason
    if order.status == "filled":
        fields["filled_at"] = instant(order.filled_at)
        fields |= {name: plain(amount) for name, amount in order.result.items()}
    return fields


def _position(position: Position, market: Market) -> Json:
    fields: Json = {
        "status": position.status,
        "direction": position.direction,
        "leverage": position.leverage,
        "entry_price": plain(position.entry_price),
        "quantity": plain(position.quantity),
        "collateral": plain(position.collateral),
        "opened_at": instant(position.opened_at),
        "open_fee": plain(position.open_fee),
        "liquidation_price_at_open": _or_null(position.liquidation_price(Fraction(0))),
    }
    if position.status == "open":
        price, funding = market.prices[position.token][1], position.funding(market.funding[position.token])
        return fields | {
            "liquidation_price": _or_null(position.liquidation_price(funding)),
            "funding": plain(funding),
            "equity": plain(position.equity(price, funding)),
        }
    fields |= {
        "exit_price": plain(position.exit_price),
        "funding": plain(position.funding_at_exit),
        "equity": plain(position.equity(position.exit_price, position.funding_at_exit)),
        "payout": plain(position.payout),
        "realized_pnl": plain(position.payout - position.collateral),
        "closed_at": instant(position.closed_at),
    }
    if position.status == "closed":
        return fields | {"close_fee": plain(position.close_fee)}
    return fields | {"penalty": plain(position.penalty), "bad_debt": plain(position.bad_debt)}


def _investment(investment: Investment, market: Market) -> Json:
    fields: Json = {
        "kind": investment.kind,
        "token": investment.token,
        "principal": plain(investment.principal),
        "status": investment.status,
    }
    active = investment.status == "active"
    if investment.kind == "staking":
        accrued = investment.accrued(market.accrued[investment.token]) if active else investment.accrued_at_end
        fields["accrued_interest"] = plain(accrued)
    else:
        fields["minted"] = plain(investment.minted)
    return fields if active else fields | {"paid": plain(investment.paid)}


def _row(row: Row) -> Json:
    twr = None if row.factor is None else half_even(100 * (row.factor - 1), 8)
    return {
        "user": row.user,
        "at": instant(row.at),
        "total_value_usd": plain(row.total),
        "pnl_from_previous": plain(row.from_previous),
        "pnl_from_start": plain(row.from_start),
        "pnl_percentage": _or_null(row.percentage),
        "net_flows_usd": plain(row.net_flows),
        "twr_percentage": _or_null(twr),
    }


def _board(board: Board) -> Json:
    return {
        "ranked": [
            {
                "rank": rank,
                "user": row.user,
                "pnl_percentage": _or_null(row.percentage),
                "pnl_usd": plain(row.from_start),
            }
            for rank, row in board.ranked
        ],
        "unranked": [{"user": user, "reason": reason} for user, reason in board.unranked],
    }


def _or_null(value: Fraction | None) -> str | None:
    return None if value is None else plain(value)

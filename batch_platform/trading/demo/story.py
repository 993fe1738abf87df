"""A contest told to people: what a player did and what came of it, and who stands where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from batch_platform.trading.amounts import plain
from batch_platform.trading.contest import Contest
from batch_platform.trading.instants import day_start, parse_instant
from batch_platform.trading.lines import (
    FlowLine,
    OrderLine,
    PerpCloseLine,
    PerpOpenLine,
    StakeLine,
    SwapLine,
    UnstakeLine,
)

Json = Mapping[str, Any]
Event = tuple[datetime, str]

SHOWN: Final = 10
"""So many players of a leaderboard."""


def story(contest: Contest, answer: Json, user: str) -> Iterator[Event]:
    """What happened to a player, by time: grants, orders with their prices, liquidations, his value by the day.

    `answer` is what the contest has come to, as `trading replay --json` says it.
    """
    yield from sorted(_happenings(contest, answer, user), key=lambda event: event[0])


def board(answer: Json, names: Mapping[str, str] | None = None) -> Iterator[str]:
    """The newest leaderboard, a line for each of the first players and for each who is not ranked.

    `names` are what players are called where their ids are no names.
    """
    if not answer["leaderboard"]:
        return
    at, newest = list(answer["leaderboard"].items())[-1]
    ranked, unranked = newest["ranked"], newest["unranked"]
    called = names or {}
    yield f"leaderboard at {at}: {len(ranked)} ranked"
    for row in ranked[:SHOWN]:
        name = called.get(row["user"], row["user"])
        yield f"{row['rank']:>4}  {name:<16} {_signed(row['pnl_percentage'])} %  {_signed(row['pnl_usd'], 12)} USD"
    for row in unranked:
        yield f"   –  {called.get(row['user'], row['user']):<16} {row['reason']}"


def _happenings(contest: Contest, answer: Json, user: str) -> Iterator[Event]:
    facts = [event.fact for event in contest.events if getattr(event.fact, "user", None) == user]
    orders = {fact.id: fact for fact in facts if isinstance(fact, OrderLine)}
    for fact in facts:
        if isinstance(fact, FlowLine):
            yield fact.at, _flow(fact, answer)
    for order in orders.values():
        yield _order(order, orders, answer)
        position = answer["positions"].get(order.id)
        if isinstance(order, PerpOpenLine) and position and position["status"] == "liquidated":
            yield parse_instant(position["closed_at"]), _liquidation(order, position)
    yield from _days(answer, user)


def _flow(flow: FlowLine, answer: Json) -> str:
    amounts = " and ".join(f"{plain(amount)} {token}" for token, amount in flow.amounts.items())
    if flow.flow != "initial":
        return f"{flow.flow} of {amounts}"
    baseline = answer["baselines"].get(flow.user)
    worth = f", worth {_usd(baseline['value_usd'])} USD" if baseline else ""
    return f"starts with {amounts}{worth}"


def _order(order: OrderLine, orders: Mapping[str, OrderLine], answer: Json) -> Event:
    outcome = answer["orders"][order.id]
    if outcome["status"] == "filled":
        return parse_instant(outcome["filled_at"]), _filled(order, orders, answer)
    text = _order_text(order, orders)
    if outcome["status"] == "pending":
        return order.at, f"{text}: waits"
    return order.at, f"{text}: {outcome['status']}{_because(outcome)}"


def _because(outcome: Json) -> str:
    return "" if outcome["reason"] == outcome["status"] else f", {outcome['reason']}"


def _filled(order: OrderLine, orders: Mapping[str, OrderLine], answer: Json) -> str:
    """What was asked for, and at which price or for how much it was had."""
    text, outcome = _order_text(order, orders), answer["orders"][order.id]
    match order:
        case SwapLine():
            return f"{text}: {outcome['amount_out']}"
        case PerpOpenLine():
            return f"{text}, at {answer['positions'][order.id]['entry_price']}"
        case PerpCloseLine():
            position = answer["positions"][order.position]
            return f"{text} at {position['exit_price']}: {_signed(position['realized_pnl']).strip()} USDC"
        case UnstakeLine():
            return f"{text}: {outcome['paid']}"
        case StakeLine(order="liquid_stake"):
            return f"{text}: {outcome['minted']} minted"
        case _:
            return text


def _order_text(order: OrderLine, orders: Mapping[str, OrderLine]) -> str:
    match order:
        case SwapLine():
            return f"swaps {order.amount} {order.from_} into {order.to}"
        case StakeLine():
            return f"{'stakes' if order.order == 'stake' else 'stakes in the pool'} {order.amount} {order.token}"
        case PerpOpenLine():
            return f"opens a {_position(order)} with {order.collateral} USDC"
        case UnstakeLine():
            staked = orders.get(order.investment)
            return f"unstakes {staked.amount} {staked.token}" if isinstance(staked, StakeLine) else "unstakes"
        case PerpCloseLine():
            opened = orders.get(order.position)
            return f"closes the {_position(opened)}" if isinstance(opened, PerpOpenLine) else "closes a position"
        case _:
            return order.order


def _position(order: PerpOpenLine) -> str:
    return f"{order.leverage}x {order.direction} on {order.token}"


def _liquidation(order: PerpOpenLine, position: Json) -> str:
    debt = position["bad_debt"]
    left = f"a bad debt of {debt} USDC" if Decimal(debt) else f"{position['payout']} USDC come back"
    return f"the {_position(order)} is liquidated at {position['exit_price']}: {left}"


def _days(answer: Json, user: str) -> Iterator[Event]:
    """What he is worth, and his rank, at the end of each UTC day and at the last snapshot."""
    rows = [row for row in answer["snapshots"] if row["user"] == user]
    for row in rows:
        at = parse_instant(row["at"])
        if at != day_start(at.date()) and row is not rows[-1]:
            continue
        ranks = {ranked["user"]: ranked["rank"] for ranked in answer["leaderboard"][row["at"]]["ranked"]}
        rank = f", rank {ranks[user]} of {len(ranks)}" if user in ranks else ""
        yield at, f"worth {_usd(row['total_value_usd'])} USD, {_signed(row['pnl_percentage']).strip()} %{rank}"


def _usd(text: str) -> str:
    return f"{Decimal(text):,.2f}"


def _signed(text: str, width: int = 8) -> str:
    return f"{Decimal(text):+{width},.2f}"

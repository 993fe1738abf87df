"""One pass through time: every event in its order."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from batch_platform.trading.proving.oracle.board import Valuer
from batch_platform.trading.proving.oracle.books import Books, Flow, User
from batch_platform.trading.proving.oracle.exact import fits, number
from batch_platform.trading.proving.oracle.exchange import Exchange
from batch_platform.trading.proving.oracle.lines import BadLine, Contest, Event
from batch_platform.trading.proving.oracle.market import Market


@dataclass(frozen=True)
class Played:
    """All that there is at the end."""

    market: Market
    books: Books
    valuer: Valuer


def play(contest: Contest) -> Played:
    """Raises `BadLine` for an event that cannot have happened."""
    market, books = Market(contest), Books()
    exchange, valuer = Exchange(contest, market, books), Valuer(market, books)
    for event in contest.events:
        market.move(event.at)
        exchange.expire(event.at)
        try:
            _happen(contest, event, Played(market, books, valuer), exchange)
        except (KeyError, ValueError) as error:
            raise BadLine(event.number, str(error)) from None
    market.move(contest.end)
    exchange.expire(contest.end)
    return Played(market, books, valuer)


def _happen(contest: Contest, event: Event, played: Played, exchange: Exchange) -> None:
    at, line = event.at, event.line
    if event.kind == "user":
        played.books.users[line["user"]] = User(line["user"], at, line.get("status", "active"))
    elif event.kind == "flow":
        _flow(contest, event, played)
    elif event.kind == "tick":
        if unknown := [token for token in line["prices"] if token not in contest.tokens]:
            raise ValueError(f"prices of unknown tokens: {unknown}")
        if prices := played.market.tick(at, line["prices"]):
            played.valuer.value_flows(at)
            exchange.liquidate(at, prices)
            exchange.fill(at, prices)
    elif event.kind == "order":
        exchange.take(at, line)
    else:
        played.valuer.snapshot(at)


def _flow(contest: Contest, event: Event, played: Played) -> None:
    user, flow = played.books.users[event.line["user"]], Flow(event.line["flow"], {})
    for token, text in event.line["amounts"].items():
        amount = number(text)
        if not fits(amount, contest.tokens[token].decimals) or user.wallet[token] + amount < Fraction(0):
            raise ValueError(f"{text} {token} cannot flow")
        flow.amounts[token] = amount
        user.wallet[token] += amount
    user.flows.append(flow)
    played.valuer.waiting.append(flow)

"""Prices that move a live campaign: the sources are asked, and what is accepted becomes a tick with all that follows.

The sources are asked in no transaction; their answers, the tick and what it does are written in one. Whoever is
killed before has done nothing, whoever was paused comes late: the transaction itself looks whether its prices still
are the newest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from batch_platform.core.failures import Conflict, NotFound
from batch_platform.trading.acceptance import PriceRefusal, confirms
from batch_platform.trading.amounts import plain
from batch_platform.trading.cadence import WINDOW, due_ticks, is_good, is_late
from batch_platform.trading.instants import instant_text
from batch_platform.trading.model import Campaign
from batch_platform.trading.service import engine, live, ticks
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Quote, Row, Tick
from batch_platform.trading.service.registration import Record
from batch_platform.trading.sources.fetch import FailedFetch, Fetched, Price, RefusedPrice, Sources, second_prices
from batch_platform.trading.store import Session

ACCEPT: Final = "trading-price.accept"
"""The name of `accept` in the audit log."""
_DOUBTED_FOR: Final = timedelta(minutes=1)
"""How long a price that the second sources did not confirm is not shown to them again."""


@dataclass(frozen=True)
class Outcome:
    """What came of a look at the sources.

    `at` is its tick, None where there was none, and `accepted` how many tokens that holds; `refused` counts tokens by
    reason. `failed` is one reason why there was no tick, or not of all tokens: not_due, missed, over, or of which
    source which request failed how ("jupiter http_503").
    """

    at: datetime | None = None
    accepted: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    liquidated: int = 0
    filled: int = 0
    failed: str | None = None

    def and_then(self, later: Outcome) -> Outcome:
        """Both together; the tick is the first one's where it has one."""
        return Outcome(
            self.at or later.at,
            self.accepted + later.accepted,
            dict(Counter(self.refused) + Counter(later.refused)),
            self.liquidated + later.liquidated,
            self.filled + later.filled,
            self.failed or later.failed,
        )


@dataclass(frozen=True)
class _Question:
    """Tokens to ask for, by mint: decimals, numbers, symbols, last accepted prices; what sources call them."""

    decimals: Mapping[str, int]
    numbers: Mapping[str, int]
    symbols: Mapping[str, str]
    last_accepted: Mapping[str, Decimal]
    names: Mapping[str, Mapping[str, str]]
    doubted: frozenset[str]


def fetch(
    context: TradingContext,
    sources: Sources,
    name: str,
    symbols: Sequence[str] | None = None,
    *,
    window_at: datetime | None = None,
) -> Outcome:
    """Ask for these tokens, most urgent first, or for all, and let what is accepted be a tick.

    A price that has jumped holds up no other: it is shown to the second sources after the others' tick, and where one
    confirms it is a tick of its own. `window_at` as in `ticks.tick`. Raises `NotFound`, `Conflict`.
    """
    question = _question(context, name, symbols)
    if question is None:
        return Outcome(failed="over")
    if not question.decimals:
        return Outcome()
    called = sources.calling(question.names)
    fetched = replace(called, second=()).prices(question.decimals, question.last_accepted)
    jumped = [each for each in fetched.refused if each.reason is PriceRefusal.JUMP]
    jumps = [each for each in jumped if each.mint not in question.doubted]
    fetched.refused = [each for each in fetched.refused if each not in jumps]
    outcome = _record(context, name, question, fetched, window_at)
    if not jumps:
        return outcome
    confirmed = _confirm(called, question, jumps)
    return outcome.and_then(_record(context, name, question, confirmed, None if outcome.at else window_at))


def scheduled(context: TradingContext, sources: Sources, name: str, window_at: datetime) -> Outcome:
    """The tick of the ten minutes that begin at an instant: once, and again its outcome.

    Without a tick due in them it is `not_due`, once they have passed `missed`, and stays so. Raises `NotFound`, and
    `Conflict` before the tick is due.
    """
    known = _known(context, name, window_at)
    if known is not None:
        return known
    due_at = next(due_ticks(window_at, window_at + WINDOW), None)
    now = context.clock()
    if due_at is None:
        return Outcome(failed="not_due")
    if now >= window_at + WINDOW:
        return Outcome(failed="missed")
    if now < due_at:
        raise Conflict("tick-not-due", "the tick of {at} is not due yet", at=instant_text(due_at))
    return fetch(context, sources, name, window_at=window_at)


def refused_jump(context: TradingContext, name: str, symbol: str, *, price: Decimal | None = None) -> Row:
    """What `accept` would take, with `at` None, or has taken; raises what it would raise."""
    with context.store.snapshot() as session:
        return _jump(session, engine.campaign(session, name), symbol, price, context.clock())


def accept(context: TradingContext, name: str, symbol: str, *, record: Record, price: Decimal | None = None) -> Row:
    """Take the newest price of a token that was refused for a jump: an administrator says that it is true.

    With a `price` it must be that one. It is a tick, and later prices are measured by it; again it is the same one.
    Raises `NotFound` for a token without such a price, `Conflict` for one that is too old, older than an accepted
    one, or another than `price`.
    """
    with live.alone(context, name) as (session, campaign):
        now = context.clock()
        jump = _jump(session, campaign, symbol, price, now)
        if jump["at"] is not None:
            return jump
        quote = Quote(jump["price_usd"], jump["source"], jump["observed_at"])
        done = ticks.tick_within(session, campaign, now, {symbol: quote})
        if done is None:
            raise Conflict("campaign-over", "campaign {campaign} is over", campaign=name)
        after = {
            "campaign": name,
            "price_usd": plain(quote.price),
            "source": quote.source,
            "at": instant_text(done.at),
        }
        record(session.connection, ACCEPT, symbol, None, after)
        return {**jump, "at": done.at}


def _jump(session: Session, campaign: Campaign, symbol: str, price: Decimal | None, now: datetime) -> Row:
    token = campaign.tokens.get(symbol)
    jump = None if token is None else session.newest_jump(token.number)
    if jump is None:
        raise NotFound("no-jump", "no price of {token} was refused for a jump", token=symbol, field="token")
    refused, seen_at = jump["price_usd"], jump["at"]
    if price is not None and price != refused:
        raise Conflict(
            "another-jump",
            "the newest refused price of {token} is {price}",
            token=symbol,
            price=plain(refused),
            field="price",
        )
    [newest] = session.priced_tokens(campaign.number, [symbol], jumps_after=now)
    is_taken = (newest["observed_at"], newest["price_usd"]) == (seen_at, refused)
    is_older = newest["observed_at"] is not None and seen_at < newest["observed_at"]
    if not is_taken and (is_older or not is_good(seen_at, now)):
        raise Conflict("jump-too-old", "the refused price of {token} is too old to be accepted", token=symbol)
    return {
        "symbol": symbol,
        "price_usd": refused,
        "source": jump["source"],
        "observed_at": seen_at,
        "former_usd": None if is_taken else newest["price_usd"],
        "at": newest["at"] if is_taken else None,
    }


def _known(context: TradingContext, name: str, window_at: datetime) -> Outcome | None:
    """What has come of a window that has its tick."""
    with context.store.snapshot() as session:
        number = engine.campaign(session, name).number
        return _of_window(session, number, window_at)


def _of_window(session: Session, campaign_no: int, window_at: datetime) -> Outcome | None:
    tick = session.tick_of_window(campaign_no, window_at)
    return None if tick is None else Outcome(**tick, **session.fetched_of_tick(campaign_no, tick["at"]))


def _question(context: TradingContext, name: str, symbols: Sequence[str] | None) -> _Question | None:
    """None for a campaign that is over."""
    now = context.clock()
    with context.store.snapshot() as session:
        campaign = engine.campaign(session, name)
        if campaign.ends_at is not None and now >= campaign.ends_at:
            return None
        rows = session.priced_tokens(campaign.number, symbols, jumps_after=now - _DOUBTED_FOR)
    if symbols is not None:
        rank = {symbol: number for number, symbol in enumerate(symbols)}
        rows.sort(key=lambda row: rank[row["symbol"]])
    names: dict[str, dict[str, str]] = {}
    for row in rows:
        for source, called in row["sources"].items():
            names.setdefault(source, {})[row["address"]] = called
    return _Question(
        decimals={row["address"]: row["decimals"] for row in rows},
        numbers={row["address"]: row["token_no"] for row in rows},
        symbols={row["address"]: row["symbol"] for row in rows},
        last_accepted={row["address"]: row["price_usd"] for row in rows if row["price_usd"] is not None},
        names=names,
        doubted=frozenset(row["address"] for row in rows if row["has_jumped"]),
    )


def _confirm(sources: Sources, question: _Question, jumps: Sequence[RefusedPrice]) -> Fetched:
    """Jumps, each accepted if another source than its own says the same."""
    fetched = Fetched()
    for first in {each.source for each in jumps}:
        others = [source for source in sources.second if source.name != first]
        own = [each for each in jumps if each.source == first]
        seen = second_prices(others, [each.mint for each in own], question.decimals, fetched.failed)
        for each in own:
            if each.price is not None and each.mint in seen and confirms(seen[each.mint], each.price):
                fetched.prices.append(Price(each.mint, each.price, each.source, each.observed_at, each.at))
            else:
                fetched.refused.append(each)
    return fetched


def _record(
    context: TradingContext, name: str, question: _Question, fetched: Fetched, window_at: datetime | None
) -> Outcome:
    """Write down what came of a look, with its tick."""
    if not (fetched.prices or fetched.refused or fetched.failed):
        return Outcome()
    with live.alone(context, name) as (session, campaign):
        if window_at is not None and (known := _of_window(session, campaign.number, window_at)) is not None:
            return known
        now = context.clock()
        newest = session.newest_observed(campaign.number)
        late = [
            price
            for price in fetched.prices
            if is_late(price.observed_at, price.at, now, newest.get(question.numbers[price.mint]))
        ]
        good = [price for price in fetched.prices if price not in late]
        quotes = {question.symbols[each.mint]: Quote(each.price, each.source, each.observed_at) for each in good}
        done = ticks.tick_within(session, campaign, now, quotes, window_at=window_at)
        if done is None and good:
            return Outcome(failed=_without_tick(campaign, now, window_at))
        refused = [*fetched.refused, *(_refused(price) for price in late)]
        session.add_fetches(
            campaign.number,
            at=now,
            kind="refresh" if window_at is None else "scheduled",
            fetches=_rows(good, refused, fetched.failed),
            refusals=[_row(question.numbers[each.mint], each) for each in refused],
            tick_at=None if done is None else done.at,
        )
        return _outcome(done, len(good), refused, fetched.failed)


def _without_tick(campaign: Campaign, now: datetime, window_at: datetime | None) -> str:
    """Why good prices are no tick."""
    over = campaign.ends_at is not None and live.tick_second(now, campaign) > campaign.ends_at
    return "over" if over or window_at is None else "missed"


def _outcome(
    done: Tick | None, accepted: int, refused: Sequence[RefusedPrice], failed: Sequence[FailedFetch]
) -> Outcome:
    reason = f"{failed[0].source} {failed[0].reason}" if failed else None
    reasons = dict(Counter(str(each.reason) for each in refused))
    if done is None:
        return Outcome(refused=reasons, failed=reason)
    return Outcome(done.at, accepted, reasons, len(done.liquidated), len(done.filled), reason)


def _refused(price: Price) -> RefusedPrice:
    return RefusedPrice(price.mint, price.source, PriceRefusal.LATE, price.price, price.observed_at, price.at)


def _rows(good: Sequence[Price], refused: Sequence[RefusedPrice], failed: Sequence[FailedFetch]) -> list[Row]:
    """A row for each source that has answered, and one for each request that failed."""
    accepted = Counter(each.source for each in good)
    answered = dict.fromkeys([*accepted, *(each.source for each in refused)])
    return [
        *({"source": source, "accepted": accepted[source]} for source in answered),
        *({"source": each.source, "accepted": 0, "failed": each.reason} for each in failed),
    ]


def _row(token_no: int, each: RefusedPrice) -> Row:
    return {
        "token_no": token_no,
        "at": each.at,
        "source": each.source,
        "reason": each.reason,
        "price_usd": each.price,
    }

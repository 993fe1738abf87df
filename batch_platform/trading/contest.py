"""A contest as a whole: its lines checked against each other, and what happens in it in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

from batch_platform.core.json_lines import bad_line, objects
from batch_platform.core.messages import Message
from batch_platform.trading.amounts import require_multiple
from batch_platform.trading.lines import (
    Fact,
    FlowLine,
    FundingRateLine,
    InterestRateLine,
    OrderLine,
    PoolLine,
    SettingsLine,
    SnapshotLine,
    TickLine,
    TokenLine,
    UserLine,
    parse,
)
from batch_platform.trading.perps import CASH

Happening = UserLine | FlowLine | TickLine | OrderLine | SnapshotLine

WITHIN_A_SECOND: Final = (UserLine, FlowLine, TickLine, OrderLine, SnapshotLine)
"""What comes first of one second; of one kind, what stands first in the file."""


@dataclass(frozen=True)
class Event:
    """Something that happens; `number` is that of its line, the first one of a tick."""

    number: int
    fact: Happening

    @property
    def place(self) -> tuple[datetime, int, int]:
        """By which events are in order."""
        kind = next(rank for rank, kind in enumerate(WITHIN_A_SECOND) if isinstance(self.fact, kind))
        return self.fact.at, kind, self.number


@dataclass(frozen=True)
class Contest:
    """All that the lines say. Rates are sorted by when they begin.

    `start` is the first moment that any line names: interest and LST rates begin on its day. `end` is the last one,
    or the moment at which the contest was cut. Both are None where no line has one.
    """

    settings: SettingsLine
    tokens: Mapping[str, TokenLine]
    pools: Mapping[str, PoolLine]
    """By their base."""
    interest_rates: tuple[InterestRateLine, ...]
    funding_rates: tuple[FundingRateLine, ...]
    users: Mapping[str, UserLine]
    events: tuple[Event, ...]
    start: datetime | None
    end: datetime | None


Numbered = tuple[int, Fact]
F = TypeVar("F", bound=Fact)


def read(lines: Iterable[bytes], *, until: datetime | None = None) -> Contest:
    """The contest of these lines, in any order, without what happens after `until`.

    Raises `InvalidInput` with the number of a line that is none, contradicts an earlier one, or names a token or user
    that no line brings.
    """
    facts = list(_facts(lines))
    contest = _assembled(facts, until)
    _check(facts, {fact.user for _, fact in _of(facts, UserLine)}, contest)
    return contest


def _facts(lines: Iterable[bytes]) -> Iterator[Numbered]:
    """Every fact once, with the number of its line; ticks of one moment are one, where they agree."""
    met: dict[object, Numbered] = {}
    ticks: dict[datetime, tuple[int, dict[str, Decimal]]] = {}
    for number, value in objects(lines):
        fact = parse(number, value)
        if isinstance(fact, TickLine):
            first, prices = ticks.setdefault(fact.at, (number, {}))
            for token, price in fact.prices.items():
                if prices.setdefault(token, price) != price:
                    raise bad_line(number, _contradicts(first), field=f"prices.{token}")
            continue
        for key in _keys(fact):
            first, known = met.setdefault(key, (number, fact))
            if known != fact:
                raise bad_line(number, _contradicts(first))
        if known is fact:
            yield number, fact
    for at, (number, prices) in ticks.items():
        yield number, TickLine.model_construct(at=at, prices=prices)


def _keys(fact: Fact) -> list[object]:
    """A pool is known by its base and by its LST: each has one at most."""
    return [fact.key, (PoolLine, "lst", fact.lst)] if isinstance(fact, PoolLine) else [fact.key]


def _contradicts(first: int) -> Message:
    return Message("line-contradicts", "says otherwise than line {first}", first=first)


def _assembled(facts: list[Numbered], until: datetime | None) -> Contest:
    moments = [fact.at for _, fact in facts if isinstance(fact, Happening | FundingRateLine)]
    pools = {pool.base: pool for _, pool in _of(facts, PoolLine)}
    derived = {pool.lst for pool in pools.values()}
    events = [
        Event(number, _without(fact, derived))
        for number, fact in facts
        if isinstance(fact, Happening) and (until is None or fact.at <= until)
    ]
    interest = (rate for _, rate in _of(facts, InterestRateLine))
    funding = (rate for _, rate in _of(facts, FundingRateLine) if until is None or rate.at <= until)
    return Contest(
        settings=next((settings for _, settings in _of(facts, SettingsLine)), SettingsLine()),
        tokens={token.token: token for _, token in _of(facts, TokenLine)},
        pools=pools,
        interest_rates=tuple(sorted(interest, key=lambda rate: rate.effective)),
        funding_rates=tuple(sorted(funding, key=lambda rate: rate.at)),
        users={event.fact.user: event.fact for event in events if isinstance(event.fact, UserLine)},
        events=tuple(sorted(events, key=lambda event: event.place)),
        start=min(moments, default=until),
        end=until or max(moments, default=None),
    )


def _without(fact: Happening, derived: set[str]) -> Happening:
    """A tick without prices of LSTs, which follow from those of their bases."""
    if not isinstance(fact, TickLine) or derived.isdisjoint(fact.prices):
        return fact
    prices = {token: price for token, price in fact.prices.items() if token not in derived}
    return TickLine.model_construct(at=fact.at, prices=prices)


def _check(facts: list[Numbered], users: set[str], contest: Contest) -> None:
    for number, fact in facts:
        for field, token in _tokens_of(fact):
            if token not in contest.tokens:
                raise bad_line(number, Message("line-unknown-token", "no line brings this token"), field=field)
        if isinstance(fact, FlowLine | OrderLine) and fact.user not in users:
            raise bad_line(number, Message("line-unknown-user", "no line brings this user"), field="user")
        if isinstance(fact, PoolLine) and fact.base == fact.lst:
            raise bad_line(number, Message("line-same-token", "must be another token than the base"), field="lst")
        if isinstance(fact, TokenLine) and fact.perp_max_leverage and CASH not in contest.tokens:
            reason = Message("line-no-cash", "perpetuals need the token {cash}", cash=CASH)
            raise bad_line(number, reason, field="perp_max_leverage")
        if isinstance(fact, FlowLine):
            _check_amounts(number, fact, contest.tokens)


def _check_amounts(number: int, flow: FlowLine, tokens: Mapping[str, TokenLine]) -> None:
    for token, amount in flow.amounts.items():
        try:
            require_multiple(amount, tokens[token].decimals)
        except ValueError as error:
            raise bad_line(number, error.args[0], field=f"amounts.{token}") from None


def _tokens_of(fact: Fact) -> Iterator[tuple[str, str]]:
    """The tokens that must be there, by the fields that name them; those of orders are judged at acceptance."""
    match fact:
        case PoolLine():
            yield from (("base", fact.base), ("lst", fact.lst))
        case InterestRateLine() | FundingRateLine():
            yield "token", fact.token
        case FlowLine():
            yield from ((f"amounts.{token}", token) for token in fact.amounts)
        case TickLine():
            yield from ((f"prices.{token}", token) for token in fact.prices)


def _of(facts: Iterable[Numbered], kind: type[F]) -> Iterator[tuple[int, F]]:
    return ((number, fact) for number, fact in facts if isinstance(fact, kind))

"""The lines of a contest, made events in the order in which they happen."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any, Final

from batch_platform.trading.proving.oracle.exact import fits, half_even, is_number, number

Line = Mapping[str, Any]

DAY: Final = 86_400
_EPOCH: Final = date(1970, 1, 1).toordinal()
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_WITHIN_A_SECOND: Final = {"user": 0, "flow": 1, "tick": 2, "order": 3, "snapshot": 4}

_IDENTITY: Final[Mapping[str, tuple[str, ...]]] = {
    "settings": (),
    "token": ("token",),
    "lst_pool": ("base",),
    "interest_rate": ("token", "action", "effective"),
    "funding_rate": ("token", "at"),
    "user": ("user",),
    "flow": ("user", "at", "flow"),
    "order": ("id",),
    "snapshot": ("at",),
}
"""What makes two lines the same fact; those of a tick are held price by price."""


class BadLine(ValueError):
    """A line that cannot be understood, or that contradicts another; `number` counts from 1."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(f"line {number}: {problem}")
        self.number = number


@dataclass(frozen=True)
class Token:
    """Its decimals, and the highest leverage of perps on it; None without perps."""

    decimals: int
    perp_max_leverage: int | None


@dataclass(frozen=True)
class Pool:
    """Where a token is staked for another one; the rate is one LST in base tokens on the first day."""

    base: str
    lst: str
    exchange_rate: Fraction


@dataclass(frozen=True)
class Event:
    """Something that happens at an instant, in seconds since 1970; `number` is that of its line."""

    at: int
    kind: str
    number: int
    line: Line


@dataclass
class Contest:
    """All that a file says. Instants are seconds since 1970, days are days since then, rates percent a year."""

    swap_fee_bps: Fraction = Fraction(0)
    perp_fee_bps: Fraction = Fraction(0)
    tokens: dict[str, Token] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    interest: dict[tuple[str, str], list[tuple[int, Fraction]]] = field(default_factory=lambda: defaultdict(list))
    funding: dict[str, list[tuple[int, Fraction]]] = field(default_factory=lambda: defaultdict(list))
    events: list[Event] = field(default_factory=list)
    start: int = 0
    end: int = 0


def seconds(instant: object) -> int:
    """Raises ValueError for anything but `YYYY-MM-DDTHH:MM:SSZ`."""
    if not isinstance(instant, str) or not _INSTANT.fullmatch(instant):
        raise ValueError(f"{instant!r} is no instant")
    return int(datetime.fromisoformat(instant).timestamp())


def instant(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read(lines: Iterable[str], until: str | None = None) -> Contest:
    """The contest of these lines of JSON, without those later than `until`. Raises `BadLine`."""
    contest, instants, timed = Contest(), [], []
    end = None if until is None else seconds(until)
    for place, line in _facts(lines):
        try:
            at = seconds(line["at"]) if "at" in line else None
            instants += [] if at is None else [at]
            if at is not None and line["kind"] in _WITHIN_A_SECOND:
                timed.append(Event(at, line["kind"], place, line))
            else:
                _WRITERS[line["kind"]](contest, line)
        except (KeyError, ValueError) as error:
            raise BadLine(place, str(error)) from None
    contest.start = min(instants, default=end or 0)
    contest.end = max(instants, default=contest.start) if end is None else end
    timed.sort(key=lambda event: (event.at, _WITHIN_A_SECOND[event.kind], event.number))
    contest.events = [event for event in _one_tick_an_instant(timed) if event.at <= contest.end]
    for rates in [*contest.interest.values(), *contest.funding.values()]:
        rates.sort()
    return contest


def _facts(lines: Iterable[str]) -> Iterator[tuple[int, Line]]:
    """Every line once, with its number."""
    met: dict[tuple[str, ...], Line] = {}
    for place, text in enumerate(lines, 1):
        if not text.strip():
            continue
        line = json.loads(text)
        kind = line.get("kind")
        if kind == "tick":
            yield place, line
            continue
        if kind not in _IDENTITY:
            raise BadLine(place, f"kind {kind!r} is not known")
        key = (kind, *(str(line.get(name)) for name in _IDENTITY[kind]))
        if key not in met:
            met[key] = line
            yield place, line
        elif _valued(met[key]) != _valued(line):
            raise BadLine(place, "contradicts an earlier line")


def _valued(content: Any) -> Any:
    """The same for texts of the same number."""
    if isinstance(content, Mapping):
        return {name: _valued(value) for name, value in content.items()}
    return number(content) if is_number(content) else content


def _one_tick_an_instant(events: Iterable[Event]) -> Iterator[Event]:
    """Ticks with their prices as fractions of at most 18 decimals, merged where an instant has several lines."""
    merged: dict[int, dict[str, Fraction]] = {}
    for event in events:
        if event.kind != "tick":
            yield event
            continue
        first, prices = event.at not in merged, merged.setdefault(event.at, {})
        for token, text in event.line["prices"].items():
            try:
                price = half_even(number(text), 18)
            except ValueError as error:
                raise BadLine(event.number, str(error)) from None
            if price <= 0 or prices.setdefault(token, price) != price:
                raise BadLine(event.number, f"no price of {token}, or another one of the same instant")
        if first:
            yield Event(event.at, "tick", event.number, {"prices": prices})


def _settings(contest: Contest, line: Line) -> None:
    contest.swap_fee_bps = number(line.get("swap_fee_bps", "0"))
    contest.perp_fee_bps = number(line.get("perp_fee_bps", "0"))


def _token(contest: Contest, line: Line) -> None:
    contest.tokens[line["token"]] = Token(line["decimals"], line.get("perp_max_leverage"))


def _lst_pool(contest: Contest, line: Line) -> None:
    if line["lst"] in [pool.lst for pool in contest.pools.values()]:
        raise ValueError("another pool mints this LST")
    contest.pools[line["base"]] = Pool(line["base"], line["lst"], number(line["exchange_rate"]))


def _interest_rate(contest: Contest, line: Line) -> None:
    day, rate = date.fromisoformat(line["effective"]).toordinal() - _EPOCH, number(line["rate"])
    if not fits(rate, 5) or line["action"] not in ("staking", "liquid_staking"):
        raise ValueError("no rate of interest")
    contest.interest[line["token"], line["action"]].append((day, rate))


def _funding_rate(contest: Contest, line: Line) -> None:
    rate = number(line["rate"])
    if not fits(rate, 12) or abs(rate) > Fraction(32, 100):
        raise ValueError("no rate of funding")
    contest.funding[line["token"]].append((seconds(line["at"]), rate))


_WRITERS: Final[Mapping[str, Callable[[Contest, Line], None]]] = {
    "settings": _settings,
    "token": _token,
    "lst_pool": _lst_pool,
    "interest_rate": _interest_rate,
    "funding_rate": _funding_rate,
}

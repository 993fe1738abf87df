"""Everything of a campaign made again from its facts, and compared with what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from batch_platform.core.failures import InvalidInput
from batch_platform.core.progress import report
from batch_platform.trading import answer, contest
from batch_platform.trading.instants import day_start, parse_instant
from batch_platform.trading.model import Campaign
from batch_platform.trading.retention import WHOLE, kept, kept_reasons
from batch_platform.trading.service import engine, export
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.looking import newest
from batch_platform.trading.service.play import play
from batch_platform.trading.service.registration import STATUSES
from batch_platform.trading.service.retention import as_of
from batch_platform.trading.store import Session
from batch_platform.trading.store.records import PARTS

SHOWN: Final = 100
"""Differences that are told one by one."""

Records = dict[Any, Any]
"""By part and by the names people know a record by; leaves as their tables have them."""


@dataclass(frozen=True)
class Difference:
    """What is stored otherwise than the facts say; None for what is not there."""

    what: str
    expected: Any
    found: Any


@dataclass(frozen=True)
class Verification:
    """The first `SHOWN` differences, and how many there are."""

    differences: list[Difference]
    count: int

    @property
    def is_equal(self) -> bool:
        """Whether everything is as the facts say."""
        return self.count == 0


@dataclass(frozen=True)
class _Span:
    """From the first day of a contest to the instant up to which it is compared."""

    since: date
    until: datetime


def verify(context: TradingContext, name: str) -> Verification:
    """Replay what a campaign was given, and compare. Nothing is written. Raises `NotFound`.

    Days that have ended and orders whose time has passed, but which nobody has looked at since, are no difference.
    """
    report("reading what is stored")
    with context.store.rolled_back() as session:
        session.lock(engine.campaign(session, name).number)
        campaign = engine.campaign(session, name)
        lines = export.lines(session, name)
        span = _span(context, campaign, session, lines)
        if campaign.kind == "live":
            campaign = engine.advance(session, campaign, span.until)
            engine.settle(session, campaign, span.until)
            _end(session, campaign.number, campaign, span)
        stored = _records(session, campaign.number, span)
        beside = [*_thinned_to(context, campaign), *_misjudged(session, campaign)]
        beside += [_unbalanced(row) for row in session.unbalanced(campaign.number)]
    try:
        made = _replayed(context, campaign, lines, span)
    except InvalidInput as error:
        differences = [Difference("facts: replayable", None, str(error.message))]
    else:
        if campaign.thinned_to is not None:
            _thin(made, as_of(campaign.thinned_to))
        differences = list(_differences("", made, stored))
    every = [*differences, *beside]
    return Verification(every[:SHOWN], len(every))


def _span(context: TradingContext, campaign: Campaign, session: Session, lines: list[export.Line]) -> _Span:
    """Until a campaign's end, or now; no earlier than anything that has happened."""
    moments = [line["at"] for line in lines if "at" in line]
    until = newest(context, session.campaign(campaign.name) or {})
    if campaign.kind == "live":
        until = max([until, *moments])
    if campaign.ends_at is not None:
        until = min(until, campaign.ends_at)
    return _Span(min(moments, default=until).astimezone(UTC).date(), until)


def _replayed(context: TradingContext, campaign: Campaign, lines: list[export.Line], span: _Span) -> Records:
    # of a loaded contest without any moment no day has begun
    is_timeless = campaign.kind == "loaded" and campaign.last_at is None
    read = contest.read(map(export.written, lines), until=None if is_timeless else span.until)
    with context.store.scratch() as session:
        number = play(session, read, name="replay").number
        _end(session, number, campaign, span)
        return _records(session, number, span)


def _end(session: Session, number: int, campaign: Campaign, span: _Span) -> None:
    """What still waits at a campaign's end expires then."""
    if campaign.ends_at is not None and span.until >= campaign.ends_at:
        session.end_orders(number, campaign.ends_at)


def _records(session: Session, number: int, span: _Span) -> Records:
    until = span.until.astimezone(UTC).date()
    return {part: session.recorded(part, number, span.since, until) for part in PARTS}


def _thinned_to(context: TradingContext, campaign: Campaign) -> Iterator[Difference]:
    """Thinning reaches a midnight that no earlier one has passed; of a live campaign no later one than today's."""
    reached = campaign.thinned_to
    if reached is None:
        return
    latest = day_start(reached.astimezone(UTC).date())
    if campaign.kind == "live":
        latest = min(latest, day_start(context.clock().astimezone(UTC).date()) - WHOLE)
    if reached != latest:
        yield Difference("campaign: thinned_to", answer.text(latest), answer.text(reached))


def _misjudged(session: Session, campaign: Campaign) -> Iterator[Difference]:
    """A loaded contest's lines say who is disqualified; in a live one people do, and the audit log says so."""
    if campaign.kind == "live":
        for row in session.misjudged(campaign.number, campaign.name, STATUSES.values()):
            yield Difference(f"users {_name(row['user'])}: status", row["expected"], row["found"])


def _unbalanced(row: Mapping[str, Any]) -> Difference:
    what = f"books {row['user']} {row['token']}: {row['account']}"
    return Difference(what, answer.text(row["expected"]), answer.text(row["found"]))


def _thin(made: Records, day: date) -> None:
    """Only the rows that thinning leaves."""
    rows, reasons = ([(user, parse_instant(at)) for user, at in made[part]] for part in ("snapshots", "incomplete"))
    left = {"snapshots": set(kept(rows, day)), "incomplete": set(kept_reasons(reasons, rows, day))}
    for part, of in left.items():
        made[part] = {key: row for key, row in made[part].items() if (key[0], parse_instant(key[1])) in of}


def _differences(what: str, expected: Any, actual: Any) -> Iterator[Difference]:
    """Down to the fields that differ: `orders a1: status`."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for key in sorted({*expected, *actual}):
            name = key if isinstance(key, str) else " ".join(map(_name, filter(None, key)))
            joined = name if not what else f"{what}: {name}" if " " in what else f"{what} {name}"
            yield from _differences(joined, expected.get(key), actual.get(key))
    elif expected != actual:
        yield Difference(what, answer.json_of(expected), answer.json_of(actual))


def _name(text: str) -> str:
    """As it stands, in quotation marks where it would not be told from what stands beside it."""
    return json.dumps(text, ensure_ascii=False) if " " in text else text

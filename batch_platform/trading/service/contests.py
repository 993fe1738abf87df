"""Contests from files: replayed beside everything, or loaded into a campaign of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import errors

from batch_platform.core.failures import Conflict
from batch_platform.trading import answer, contest
from batch_platform.trading.lines import SnapshotLine
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.play import play
from batch_platform.trading.store import Session

Json = dict[str, Any]

LOAD: Final = "contest.load"
"""What loading is called in the audit log."""


@dataclass(frozen=True)
class Loaded:
    """What a load has made, or would make; `loaded` is False where it was there already."""

    campaign: str
    users: int
    orders: int
    ticks: int
    snapshots: int
    loaded: bool


def replay(context: TradingContext, lines: Iterable[bytes], *, until: datetime | None = None) -> Json:
    """What a contest comes to, on temporary tables. Raises `InvalidInput` with the number of a bad line."""
    read = contest.read(lines, until=until)
    with context.store.scratch() as session:
        return answered(session, play(session, read, name="replay").number)


def load(context: TradingContext, lines: Iterable[bytes], *, name: str, dry_run: bool = False) -> Loaded:
    """A contest as a campaign, whole or not at all; the same again changes nothing.

    Raises `InvalidInput` with the number of a bad line, `Conflict` for a campaign that holds something else.
    """
    given = list(lines)
    digest = hashlib.sha256(b"\n".join(given)).hexdigest()
    read = contest.read(given)
    with context.store.transaction() as session:
        there = session.campaign(name)
        if there is not None and there["digest"] == digest:
            return _loaded(session, there["campaign_no"], name, loaded=False)
        if there is not None and not session.is_empty(there["campaign_no"]):
            raise Conflict(
                "campaign-not-empty", "campaign {campaign} holds another contest", campaign=name, field="campaign"
            )
    with context.store.scratch(numbered_for_real=not dry_run) as session:
        number = play(session, read, name=name).number
        session.sign_contest(number, digest)
        done = _loaded(session, number, name, loaded=not dry_run)
        if dry_run or _move(session, name, read):
            return done
    return load(context, given, name=name)  # what the faster one has made decides


def _move(session: Session, name: str, read: contest.Contest) -> bool:
    """From the temporary tables into the real ones, in one transaction; not where another campaign was faster."""
    try:
        with session.connection.transaction():
            session.remove_empty(name)
            for day in sorted(
                {event.fact.at.date() for event in read.events if isinstance(event.fact, SnapshotLine)}
            ):
                session.make_partition(day)
            session.move_scratch()
    except errors.UniqueViolation as error:
        if error.diag.constraint_name != "campaigns_name":
            raise
        return False
    return True


def _loaded(session: Session, number: int, name: str, *, loaded: bool) -> Loaded:
    return Loaded(name, **session.contest_size(number), loaded=loaded)


def answered(session: Session, number: int) -> Json:
    """Everything of a campaign, as `trading replay --json` says it."""

    def by(part: str, key: str, write: Callable[[Mapping[str, Any]], Any]) -> Json:
        return {row[key]: write(row) for row in session.answer(part, number)}

    return {
        "orders": by("orders", "id", answer.order),
        "positions": by("positions", "id", answer.position),
        "investments": by("investments", "id", answer.investment),
        "balances": answer.balances(session.answer("balances", number)),
        "funding_index": by("funding_index", "token", lambda row: answer.text(row["j"])),
        "lst_rates": by("lst_rates", "lst", lambda row: answer.text(row["exchange_rate"])),
        "baselines": by(
            "baselines", "user", lambda row: {name: answer.text(row[name]) for name in ("at", "value_usd")}
        ),
        "snapshots": [answer.snapshot(row) for row in session.snapshots(number)],
        "incomplete": [answer.incomplete(row) for row in session.incomplete(number)],
        "leaderboard": answer.boards(*session.boards(number)),
    }

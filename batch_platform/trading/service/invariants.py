"""What must hold in a campaign, judged on one moment of the tables: for the checks of assets, and for `verify`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from batch_platform.trading.amounts import plain
from batch_platform.trading.instants import instant_text
from batch_platform.trading.service import engine
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.engine import Row

_NEGATIVE: Final = "no_negative_balance"
_SIGN: Final = "not below zero"
"""What the books call an account that is."""

MOVED: Final = {
    "zero_sum": "what was posted sums to zero for each token; its players have what their orders and stakes say",
    _NEGATIVE: "nobody of them has less than nothing of a token",
}
"""Of the ticks of a run. The whole books, which take as long as there is history, are looked at every hour."""
LEDGER: Final = {
    "zero_sum": "a token's accounts sum to zero; balances, pending orders, stakes and positions to the postings",
    _NEGATIVE: "nobody has less than nothing of a token, in the wallet, reserved or staked",
}
INDEX: Final = {"index_continuous": "each tick's funding index follows from the one before, the rates and the price"}
VALUED: Final = {"everybody_valued": "each player with a baseline has a snapshot or is incomplete, and not both"}


@dataclass(frozen=True)
class Invariant:
    """One that was looked at: what is wrong, a sentence each; none: it holds."""

    name: str
    differences: Sequence[str]

    @property
    def holds(self) -> bool:
        return not self.differences


Look = Callable[[TradingContext, str], list[Invariant]]


def of_each(context: TradingContext, look: Look) -> list[tuple[str, Invariant]]:
    """What each live campaign shows, by its name."""
    with context.store.snapshot() as session:
        names = [row["name"] for row in session.campaigns("live")]
    return [(name, invariant) for name in names for invariant in look(context, name)]


def ledger(context: TradingContext, name: str) -> list[Invariant]:
    """Those of `LEDGER`. Raises `NotFound`."""
    with context.store.snapshot() as session:
        rows = session.unbalanced(engine.campaign(session, name).number)
    return _books(rows)


def moved(context: TradingContext, name: str, *, since: datetime, until: datetime) -> list[Invariant]:
    """Those of `MOVED`, of what was posted in [since, until). Raises `NotFound`."""
    with context.store.snapshot() as session:
        rows = session.moved_books(engine.campaign(session, name).number, since, until)
    return _books(rows)


def index(context: TradingContext, name: str, *, since: datetime, until: datetime) -> list[Invariant]:
    """Those of `INDEX`, of ticks in [since, until). Raises `NotFound`."""
    with context.store.snapshot() as session:
        campaign = engine.campaign(session, name)
        broken = session.index_differences(campaign.number, since, until)
    return [Invariant("index_continuous", [_step(row) for row in broken])]


def valued(context: TradingContext, name: str, at: datetime) -> Invariant:
    """That of `VALUED`; of an instant that has been thinned it holds. Raises `NotFound`."""
    with context.store.snapshot() as session:
        campaign = engine.campaign(session, name)
        is_thinned = campaign.thinned_to is not None and at < campaign.thinned_to
        counts = session.valued_counts(campaign.number, at)
    if is_thinned or not counts["wrong"]:
        return Invariant("everybody_valued", [])
    sentence = "at {at} {wrong} of {players} players: {complete} complete, {incomplete} incomplete"
    return Invariant("everybody_valued", [sentence.format(at=instant_text(at), **counts)])


def _books(rows: Sequence[Row]) -> list[Invariant]:
    """What the books show, by whether somebody has less than nothing."""
    by_check = {
        check: [_account(row) for row in rows if (row["account"] == _SIGN) == (check == _NEGATIVE)]
        for check in LEDGER
    }
    return [Invariant(check, differences) for check, differences in by_check.items()]


def _account(row: Row) -> str:
    actual, expected = plain(row["found"]), plain(row["expected"])
    return f"{row['token']} of {row['user']}, {row['account']}: {actual}, not {expected}"


def _step(row: Row) -> str:
    at = instant_text(row["at"])
    return f"{row['token']} at {at}: J is {plain(row['kept'])}, what came before makes it {plain(row['follows'])}"

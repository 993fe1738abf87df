"""The bundled contest: two days of fifty players, with a gap in the prices and a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from batch_platform.core.failures import PermanentFailure
from batch_platform.trading import contest
from batch_platform.trading.demo.story import board, story

if TYPE_CHECKING:
    from rich.console import Console

    from batch_platform.trading.service import TradingContext

Json = dict[str, Any]

CAMPAIGN: Final = "demo"
FILE: Final = Path(__file__).with_name("contest.jsonl")
FOLLOWED: Final = "haruka.sol"
"""Whose story is told: everything that can happen to a position happens to her."""


def run(context: TradingContext, step: Callable[[str], None], console: Console) -> None:
    """Load it, replay it beside, verify it, and tell of it."""
    from batch_platform.trading.service import contests

    lines = FILE.read_bytes().splitlines()
    step(f"trading: the contest of {FILE.name}, {len(lines):,} lines")
    loaded = contests.load(context, lines, name=CAMPAIGN)
    step(f"  campaign {CAMPAIGN} {'loaded' if loaded.loaded else 'was loaded before'}")
    step("  replaying it beside")
    stored, replayed = came_to(context, CAMPAIGN), contests.replay(context, lines)
    size = f"{loaded.users} players, {loaded.ticks} ticks, {loaded.orders} orders, {loaded.snapshots:,} snapshots"
    console.print(f"\nTrading: a contest of two days, {size}", soft_wrap=True)
    show_equal(console, CAMPAIGN, stored, replayed)
    step("  verifying it")
    verify(context, console, CAMPAIGN)
    for line in board(stored):
        console.print(f"  {line}", soft_wrap=True)
    console.print(f"  the story of {FOLLOWED}", soft_wrap=True)
    for at, text in story(contest.read(lines), stored, FOLLOWED):
        console.print(f"    {at:%m-%d %H:%M}  {text}", soft_wrap=True)


def came_to(context: TradingContext, campaign: str) -> Json:
    """Everything that is stored of a campaign, as a replay answers it."""
    from batch_platform.trading.service import contests, engine

    with context.store.snapshot() as session:
        return contests.answered(session, engine.campaign(session, campaign).number)


def show_equal(console: Console, campaign: str, stored: Json, replayed: Json) -> None:
    """Say that a campaign is what a replay of its facts comes to. Raises `PermanentFailure` when it is not."""
    differing = ", ".join(part for part in replayed if stored[part] != replayed[part])
    if differing:
        raise PermanentFailure(
            "demo-replay-differs",
            "campaign {campaign} is not what its replay comes to: {parts} differ",
            campaign=campaign,
            parts=differing,
        )
    parts = "orders, positions, investments, balances, indexes, snapshots and leaderboards"
    console.print(f"  campaign {campaign} equals its replay: {parts}", soft_wrap=True)


def verify(context: TradingContext, console: Console, campaign: str) -> None:
    """The same as `trading verify`. Raises `PermanentFailure` where something differs."""
    from batch_platform.trading.service.verify import verify as verified

    done = verified(context, campaign)
    if not done.is_equal:
        raise PermanentFailure(
            "demo-verify-differs",
            "campaign {campaign} differs from its facts in {count} places, first in {first}",
            campaign=campaign,
            count=done.count,
            first=done.differences[0].what,
        )
    console.print(
        f"  everything made again from its facts: equal (trading verify --campaign {campaign})", soft_wrap=True
    )

"""`make demo`, the trading competition: a contest of two days, loaded, replayed, verified and told of.

bundled     the contest of `contest.jsonl`
story       what a player did and what came of it; who stands where
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.console import Console

from batch_platform.settings import Settings
from batch_platform.trading.demo import bundled

if TYPE_CHECKING:
    from batch_platform.operations.dagster.launch import Launcher

Step = Callable[[str], None]


def run(settings: Settings, step: Step, launcher: Launcher | None = None) -> None:  # noqa: ARG001
    """Show that what is stored of a contest is what its replay comes to. Run again, it changes nothing."""
    from batch_platform.trading.opening import open_work

    console = Console(highlight=False, markup=False)
    with open_work(settings) as work:
        bundled.run(work, step, console)

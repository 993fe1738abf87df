"""`make demo`, the trading competition: a contest of two days, and one that is played live.

bundled     the contest of `contest.jsonl`: loaded, replayed beside, verified, told of
live        a contest that is played to its end, and replayed
scenario    what happens in it: prices and orders
tokens      what is traded in it
steering    the price server that answers its prices
story       what a player did and what came of it; who stands where
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rich.console import Console

from batch_platform.settings import Settings
from batch_platform.trading.demo import bundled, live
from batch_platform.trading.demo.tokens import open_campaign

if TYPE_CHECKING:
    from batch_platform.operations.dagster.launch import Launcher

Step = Callable[[str], None]


def run(settings: Settings, step: Step, launcher: Launcher | None = None) -> None:
    """Show of both contests that what is stored is what their replays come to. Run again, it changes nothing.

    It leaves an empty campaign behind in which people can play, where there is none. With a `launcher` what a
    schedule would start runs as a Dagster run.
    """
    from batch_platform.trading.opening import open_context
    from batch_platform.trading.settings import TradingSettings

    console = Console(highlight=False, markup=False)
    with open_context(settings) as context:
        bundled.run(context, step, console)
        live.run(context, settings, step, console, launcher)
        playground = settings.of(TradingSettings).campaign
        with context.store.transaction() as session:
            if open_campaign(session, playground, now=context.clock(), new_id=context.new_id):
                step(f"  campaign {playground} is open to play in")
    console.print(_WHERE_NEXT.format(playground=playground), soft_wrap=True)


_WHERE_NEXT: Final = f"""  .venv/bin/batch-platform trading leaderboard --campaign {bundled.CAMPAIGN}
  .venv/bin/batch-platform trading portfolio {bundled.FOLLOWED} --campaign {bundled.CAMPAIGN}
  .venv/bin/batch-platform trading export --campaign {live.CAMPAIGN}
  make up; then /console/trading               campaign {{playground}} is open to play in"""

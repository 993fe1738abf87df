"""The resident worker: fills orders of live campaigns within a second or two, by ticks that it asks prices for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from batch_platform.core.failures import PlatformError
from batch_platform.kit.workers import Worker

if TYPE_CHECKING:
    from batch_platform.kit.workers import Life
    from batch_platform.settings import Settings
    from batch_platform.trading.service.prices import Outcome

ROUND_SECONDS: Final = 1.0
"""How long orders may pass their time, or a campaign its end, unnoticed."""
GATHERED_SECONDS: Final = 0.3
"""What is wished within this time shares a tick."""
_LONGEST_PAUSE_SECONDS: Final = 30.0

_log = structlog.get_logger(__name__)


def run(settings: Settings, life: Life) -> None:
    """Look after live campaigns until told to end. Database and sources that are away are waited for."""
    from batch_platform.trading.opening import open_market
    from batch_platform.trading.service import wishes
    from batch_platform.trading.store.listener import Listener

    troubles, pause = Troubles(), 0.0
    with open_market(settings) as (context, sources), Listener(settings.database()) as listener:
        while not life.wait(pause):
            try:
                for task in wishes.due(context):
                    life.alive()
                    troubles.saw(task.campaign, wishes.work(context, sources, task))
                pause = 0.0
                troubles.end("")
                if listener.wait(ROUND_SECONDS):
                    pause = GATHERED_SECONDS
            except PlatformError as failure:
                troubles.begin("", str(failure.message))
                pause = min(max(2 * pause, 1.0), _LONGEST_PAUSE_SECONDS)


class Troubles:
    """What is wrong, told when it begins, changes or ends; not each time it is met."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def saw(self, campaign: str, outcome: Outcome | None) -> None:
        """A look at the sources."""
        if outcome is None:
            return
        if outcome.failed is None:
            self.end(campaign)
        else:
            self.begin(campaign, outcome.failed)

    def begin(self, campaign: str, reason: str) -> None:
        """Of a campaign, or of all when it is empty."""
        if self._known.get(campaign) != reason:
            self._known[campaign] = reason
            _log.warning("trading_prices_fail", campaign=campaign or None, reason=reason)

    def end(self, campaign: str) -> None:
        """It is over, if it was."""
        if self._known.pop(campaign, None) is not None:
            _log.info("trading_prices_work_again", campaign=campaign or None)


WORKERS: Final = (
    Worker(
        name="trading-prices",
        description="Fetches the prices that orders and open portfolios wait for, and lets them be ticks.",
        run=run,
    ),
)

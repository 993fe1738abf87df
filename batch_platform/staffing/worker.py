"""The resident workers of staffing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from batch_platform.core.failures import PlatformError
from batch_platform.kit.workers import Worker

if TYPE_CHECKING:
    from batch_platform.kit.workers import Life
    from batch_platform.settings import Settings

ROUND_SECONDS: Final = 20.0
"""A minute has at least two rounds."""
APPROACH_SECONDS: Final = 10.0
"""How late an approach may be."""
_LONGEST_PAUSE_SECONDS: Final = 30.0

_log = structlog.get_logger(__name__)


def keep_beating(settings: Settings, life: Life) -> None:
    """Write each minute down in which the database answers, until told to end: uptime is counted of them."""
    from batch_platform.staffing.opening import open_context
    from batch_platform.staffing.service.uptime import beat

    is_away = False
    with open_context(settings) as context:
        while not life.wait(ROUND_SECONDS):
            try:
                beat(context)
                is_away = False
            except PlatformError as failure:
                if not is_away:
                    _log.warning("staffing_no_heartbeat", reason=str(failure.message))
                is_away = True


def deliver_approaches(settings: Settings, life: Life) -> None:
    """Deliver what is due until told to end. A database that is away is waited for."""
    from batch_platform.staffing.opening import open_context
    from batch_platform.staffing.service import approaches

    pause = 0.0
    with open_context(settings) as context:
        while not life.wait(pause):
            try:
                for occurrence in approaches.decide(context, alive=life.alive):
                    _log.info(
                        "staffing_approach_decided",
                        approach=occurrence.approach_id,
                        scheduled_for=occurrence.scheduled_for.isoformat(),
                        state=occurrence.state,
                        engineers=occurrence.engineers,
                    )
                pause = APPROACH_SECONDS
            except PlatformError as failure:
                _log.warning("staffing_approaches_wait", reason=str(failure.message))
                pause = _LONGEST_PAUSE_SECONDS


WORKERS: Final = (
    Worker(
        name="staffing-heartbeat",
        description="Writes down each minute in which the platform works, of which its uptime is counted.",
        run=keep_beating,
    ),
    Worker(
        name="periodic-approach-delivery",
        description="Delivers the periodic approaches that companies have set up, as they fall due.",
        run=deliver_approaches,
        id="REALTIME_001",
    ),
)

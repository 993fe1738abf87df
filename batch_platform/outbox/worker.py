"""The resident worker: round after round it delivers what is due, reads what SES tells, and clears what is old."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from batch_platform.core.failures import PlatformError
from batch_platform.kit.workers import Worker

if TYPE_CHECKING:
    from batch_platform.kit.workers import Life
    from batch_platform.settings import Settings

ROUND_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


@dataclass
class _Duty:
    """What is done every so often beside the rounds, until it has nothing left to do."""

    every: timedelta
    do: Callable[[], int]
    done_at: datetime | None = None

    def run(self, now: datetime) -> None:
        if self.done_at is None or now >= self.done_at + self.every:
            while self.do():
                continue
            self.done_at = now


def run(settings: Settings, life: Life) -> None:
    """Deliver until told to end. A database or provider that is away is waited for."""
    from batch_platform.outbox import service
    from batch_platform.outbox.opening import event_queue, files, open_outbox, providers

    with open_outbox(settings) as context:
        given, attached, queue, wait = providers(settings), files(settings), event_queue(settings), 0.0
        duties = [_Duty(timedelta(hours=1), lambda: service.clear(context))]
        if queue is not None:
            duties.append(_Duty(timedelta(seconds=10), lambda: service.take_events(context, queue)))
        while not life.wait(wait):
            try:
                claimed = service.deliver(context, given, attached, ends=lambda: life.wait(0))
                for duty in duties:
                    duty.run(context.clock())
                wait = 0.0 if claimed else ROUND_SECONDS
            except PlatformError as failure:
                _log.warning("outbox_waits", reason=failure.message)
                wait = _PAUSE_SECONDS


WORKERS: Final = (
    Worker(
        id="REALTIME_002",
        name="notification-delivery",
        description="Sends what waits in the outbox by mail and SMS: SMTP, SES, SNS.",
        run=run,
    ),
)

"""The resident worker: round after round it delivers what is due, and now and then clears what is old."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from batch_platform.core.failures import PlatformError
from batch_platform.kit.workers import Worker

if TYPE_CHECKING:
    from batch_platform.kit.workers import Life
    from batch_platform.outbox.service import OutboxContext
    from batch_platform.settings import Settings

ROUND_SECONDS: Final = 1.0
_PAUSE_SECONDS: Final = 5.0
_CLEARED_EVERY: Final = timedelta(hours=1)

_log = structlog.get_logger(__name__)


def run(settings: Settings, life: Life) -> None:
    """Deliver until told to end. A database or provider that is away is waited for."""
    from batch_platform.outbox import service
    from batch_platform.outbox.opening import open_outbox, providers

    with open_outbox(settings) as context:
        given, cleared_at, wait = providers(settings), None, 0.0
        while not life.wait(wait):
            try:
                claimed = service.deliver(context, given, ends=lambda: life.wait(0))
                cleared_at = _clear(context, cleared_at)
                wait = 0.0 if claimed else ROUND_SECONDS
            except PlatformError as failure:
                _log.warning("outbox_waits", reason=failure.message)
                wait = _PAUSE_SECONDS


def _clear(context: OutboxContext, cleared_at: datetime | None) -> datetime:
    """Once an hour; when it was last done."""
    from batch_platform.outbox import service

    now = context.clock()
    if cleared_at is not None and now < cleared_at + _CLEARED_EVERY:
        return cleared_at
    while service.clear(context):
        continue
    return now


WORKER: Final = Worker(name="outbox", description="Sends notices by mail and SMS: SMTP, SES, SNS.", run=run)

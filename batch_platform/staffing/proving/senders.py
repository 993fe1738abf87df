"""Processes of the outbox's resident worker on the proof's own database and sink, to be killed."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Final

from batch_platform.proving.cases import STUCK
from batch_platform.proving.processes import Worker, workers
from batch_platform.staffing.proving.ground import ADVERTISING_PER_DAY, Ground
from batch_platform.staffing.proving.sink import LocalSink

_EMBEDDED: Final = "BATCH_PLATFORM_EMBEDDED"
_COMMAND: Final = ("batch-platform", "workers", "run", "notification-delivery")
_LEFT: Final = "SELECT count(*) FROM outbox.notices WHERE state IN ('pending', 'sending')"


def sender(database: str, smtp: str) -> Callable[[str], object]:
    """A process that runs the command of the resident worker, as `up` does."""
    own = {"DATABASE_URL": database, "SMTP_URL": smtp}
    embedded = os.environ.get(_EMBEDDED, "").split(",")
    os.environ |= {
        **own,
        # the command line sets variables that are its own to the user's services
        _EMBEDDED: ",".join(name for name in embedded if name not in own),
        "OUTBOX_RESEND_AFTER_SECONDS": "1",
        "OUTBOX_SENDER_ADDRESS": "東京都",
        "OUTBOX_ADVERTISING_PER_DAY": str(ADVERTISING_PER_DAY),
    }
    # by its name: the root imports the domains, no domain the root
    command_line = import_module("batch_platform.cli")
    sys.argv = [*_COMMAND]
    return lambda _: command_line.main()


def senders(ground: Ground, sink: LocalSink) -> AbstractContextManager[Iterator[Worker]]:
    """Any number of processes, one of them started ahead: see `workers`."""
    return workers(sender, ground.url, sink.url, ahead=1)


def waiting(ground: Ground) -> int:
    """How many notices are still to be sent."""
    [(count,)] = ground.rows(_LEFT)
    return int(count)


def settled(ground: Ground) -> list[str]:
    """Wait until nothing is left to be sent; what is wrong when a minute brings nothing."""
    left, since = -1, time.monotonic()
    while time.monotonic() < since + STUCK:
        now = waiting(ground)
        if now == 0:
            return []
        if now != left:
            left, since = now, time.monotonic()
        time.sleep(0.1)
    return [f"{left} notices are not sent within {STUCK} seconds"]

"""Processes of the outbox's resident worker on the proof's own database and sink, to be killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from batch_platform.proving.cases import STUCK
from batch_platform.proving.processes import Worker
from batch_platform.staffing.proving.ground import ADVERTISING_PER_DAY, Ground
from batch_platform.staffing.proving.sink import LocalSink

_PROGRAM: Final = """
from batch_platform.cli import main
print("ready", flush=True)
if input():
    main()
"""
_EMBEDDED: Final = "BATCH_PLATFORM_EMBEDDED"
_COMMAND: Final = (sys.executable, "-c", _PROGRAM, "workers", "run", "notification-delivery")
_LEFT: Final = "SELECT count(*) FROM outbox.notices WHERE state IN ('pending', 'sending')"


@contextmanager
def senders(ground: Ground, sink: LocalSink) -> Iterator[Iterator[Worker]]:
    """Any number of processes, one of them started ahead; none outlives the block."""
    own = {"DATABASE_URL": ground.url, "SMTP_URL": sink.url}
    embedded = os.environ.get(_EMBEDDED, "").split(",")
    environment = {
        **os.environ,
        **own,
        # the command line sets variables that are its own to the user's services
        _EMBEDDED: ",".join(name for name in embedded if name not in own),
        "OUTBOX_RESEND_AFTER_SECONDS": "1",
        "OUTBOX_SENDER_ADDRESS": "東京都",
        "OUTBOX_ADVERTISING_PER_DAY": str(ADVERTISING_PER_DAY),
    }
    made: list[Worker] = []

    def start() -> Worker:
        pipe = subprocess.PIPE
        process = subprocess.Popen(  # noqa: S603
            _COMMAND, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )
        made.append(Worker(process))
        return made[-1]

    def one_after_the_other() -> Iterator[Worker]:
        following = start()
        while True:
            worker, following = following, start()
            yield worker

    try:
        yield one_after_the_other()
    finally:
        for worker in made:
            if worker.runs:
                worker.kill()


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

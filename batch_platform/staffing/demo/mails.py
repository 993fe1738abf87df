"""Invoices by mail, by workers of which the first is killed while it sends: each invoice lies in the sink once."""

from __future__ import annotations

import email
import email.policy
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from batch_platform.core.failures import PermanentFailure

if TYPE_CHECKING:
    from batch_platform.settings import Settings
    from batch_platform.staffing.service import StaffingContext

Step = Callable[[str], None]

_WORKER: Final = "from batch_platform.cli import main; main()"
_PATIENCE_SECONDS: Final = 180.0
_SOON_AGAIN: Final = "OUTBOX_RESEND_AFTER_SECONDS=2"
_DONE: Final = ("accepted", "delivered")


def send(context: StaffingContext, settings: Settings, numbers: Sequence[str], step: Step) -> None:
    """Let a worker begin, kill it halfway, let another end it, and count what the sink has."""
    keys = _keys(context, numbers)
    if _sent(context, keys) < len(keys):
        killed = _until(context, keys, len(keys) // 2, kill=True)
        step(f"  a worker is killed after {killed} of {len(keys)} mails")
        _until(context, keys, len(keys), kill=False)
    times = _in_sink(settings, numbers)
    twice = [number for number, count in times.items() if count > 1]
    if twice:
        raise PermanentFailure("demo-mails-twice", "in the sink more than once: {numbers}", numbers=", ".join(twice))
    step(f"  the next one has ended it: {len(times)} invoices in the sink, each once")


def _until(context: StaffingContext, keys: Sequence[str], count: int, *, kill: bool) -> int:
    """Run a worker until so many mails are taken; how many were."""
    worker = subprocess.Popen(  # noqa: S603 (our own command line)
        ["/usr/bin/env", _SOON_AGAIN, sys.executable, "-c", _WORKER, "workers", "run", "notification-delivery"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + _PATIENCE_SECONDS
    try:
        while (sent := _sent(context, keys)) < count and time.monotonic() < end:
            time.sleep(0.02)
    finally:
        worker.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        worker.wait()
    return sent


def _keys(context: StaffingContext, numbers: Sequence[str]) -> list[str]:
    from batch_platform.staffing.service.invoices import notices, reading

    return [notices.key(reading.invoice(context, number)["id"]) for number in numbers]


def _sent(context: StaffingContext, keys: Sequence[str]) -> int:
    from batch_platform.outbox.service import states

    with context.store.snapshot() as session:
        return sum(state in _DONE for state in states(session.connection, "staffing", keys).values())


def _in_sink(settings: Settings, numbers: Sequence[str]) -> Counter[str]:
    """How often each invoice lies in the sink, by the name of what is attached."""
    names = {f"{number}.pdf": number for number in numbers}
    times: Counter[str] = Counter()
    for file in (settings.home / "mail").glob("*.eml"):
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        times.update(names[name] for part in message.iter_attachments() if (name := part.get_filename()) in names)
    return times

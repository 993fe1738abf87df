"""The SMTP sink of a home, in place of a mail server: it keeps every mail in a folder and delivers none.

`python -m batch_platform.local.mail` runs it. Unlike other servers it says whether it has accepted a Message-ID: to
VRFY, which it announces as `X-ACCEPTED`.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch_platform.core.clock import Clock, utc_now
from batch_platform.core.failures import PermanentFailure
from batch_platform.local.aws import minimal
from batch_platform.local.home import Home
from batch_platform.local.processes import LOOPBACK, accepts
from batch_platform.local.programs import Program

if TYPE_CHECKING:
    from aiosmtpd.smtp import SMTP, Envelope, Session

    from batch_platform.outbox.store.mailbox import Mailbox

_LARGEST = 25 * 1024 * 1024


class Sink:
    """Takes every mail whole, before it says so."""

    def __init__(self, mailbox: Mailbox, clock: Clock = utc_now) -> None:
        self._mailbox = mailbox
        self._clock = clock

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        from batch_platform.outbox.store.smtp import ASKABLE

        session.host_name = hostname
        return [*responses[:-1], f"250-{ASKABLE.upper()}", *responses[-1:]]

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        self._mailbox.put(envelope.content, envelope.rcpt_tos, at=self._clock())
        return "250 accepted"

    async def handle_VRFY(self, _server: SMTP, _session: Session, _envelope: Envelope, address: str) -> str:
        return "250 accepted" if self._mailbox.has(address) else "550 not accepted"


def controller(sink: Sink, port: int) -> Any:
    """The sink on a loopback port: `start` it, and `stop` it at the end."""
    from aiosmtpd.controller import Controller

    return Controller(sink, hostname=LOOPBACK, port=port, data_size_limit=_LARGEST, ident="batch_platform sink")


def require() -> None:
    """Raises `PermanentFailure` where the sink is not installed."""
    if importlib.util.find_spec("aiosmtpd") is None:
        raise PermanentFailure(
            "no-mail-sink",
            "the local mail sink is not installed: install batch-platform[local] or set SMTP_URL",
        )


def program(home: Home, port: int) -> Program:
    """The sink of a home, as its supervisor runs it."""
    return Program(
        name="mail",
        command=(sys.executable, "-m", "batch_platform.local.mail", "--port", str(port), "--folder", str(home.mail)),
        environment=minimal(),
        directory=home.root,
        log=home.logs / "mail.log",
        port=port,
        ready=partial(accepts, port),
    )


def url(port: int) -> str:
    return f"smtp://{LOOPBACK}:{port}"


def main() -> None:
    from batch_platform.outbox.store.mailbox import Mailbox

    parser = argparse.ArgumentParser(description="an SMTP server that keeps what it is sent")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    controller(Sink(Mailbox(arguments.folder)), arguments.port).start()
    threading.Event().wait()  # until it is told to end


if __name__ == "__main__":
    main()

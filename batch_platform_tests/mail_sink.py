"""A real mail server on this machine that keeps what it is sent, or refuses it."""

from __future__ import annotations

import email
import email.policy
import socket
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiosmtpd.controller import Controller

from batch_platform.core.clock import utc_now


@dataclass
class Sink:
    """`start` it, and `stop` it at the end. `mails` holds (receivers, subject, text), `arrived` when each came."""

    controller: Any = None
    refuse: bool = False
    mails: list[tuple[list[str], str, str]] = field(default_factory=list)
    arrived: list[datetime] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return "451 later"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.arrived.append(utc_now())
        self.mails.append((envelope.rcpt_tos, mail["subject"], mail.get_body().get_content().strip()))
        return "250 taken"

    @property
    def subjects(self) -> list[str]:
        return [subject for _, subject, _ in self.mails]

    def url(self, *to: str) -> str:
        receivers = ",".join(to or ("ops@example.com",))
        return f"smtp://127.0.0.1:{self.controller.port}?from=batch@example.com&to={receivers}"

    def start(self) -> Sink:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.controller = Controller(self, hostname="127.0.0.1", port=port)
        self.controller.start()
        return self

    def stop(self) -> None:
        self.controller.stop()

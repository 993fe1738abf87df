"""What the tests of the outbox are made of: a sink that can be told to refuse, a clock, notices and their rows."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from batch_platform.core import postgres
from batch_platform.local import mail
from batch_platform.outbox import service
from batch_platform.outbox.model import Attachment, Category, Channel, Notice, Options, Sender
from batch_platform.outbox.service import OutboxContext, Provider, build_context
from batch_platform.outbox.store.files import Files
from batch_platform.outbox.store.mailbox import Mail, Mailbox
from batch_platform.outbox.store.smtp import SmtpProvider

KEY = b"a key of the tests, long enough for everybody"
SENDER = Sender(
    "no-reply@batch.example.co.jp",
    "株式会社サンプル決済サービス お客さまサポート窓口",
    "東京都千代田区丸の内一丁目1番1号",
)
OPTIONS = Options(sender=SENDER, link_url="https://batch.example.co.jp", advertising_per_day=2)
TEMPLATES = {"shop": "batch_platform_tests.outbox"}
NOW = datetime(2026, 11, 30, 3, tzinfo=UTC)


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        self.now += timedelta(**time)


class Server(mail.Sink):
    """The platform's own sink over TCP; `before` may answer in its place, by the recipient."""

    def __init__(self, folder: Path) -> None:
        self.mailbox = Mailbox(folder)
        super().__init__(self.mailbox)
        self.rcpt: Mapping[str, str] = {}
        self.data: Mapping[str, str] = {}
        self.askable = True
        self.taken: Callable[[], None] = lambda: None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._controller = mail.controller(self, self.port)

    def start(self) -> None:
        self._controller.start()

    def stop(self) -> None:
        with suppress(AssertionError):  # a test has stopped it already
            self._controller.stop()

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: Any) -> Any:
        if self.askable:
            return await super().handle_EHLO(server, session, envelope, hostname, responses)
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:
        if address in self.rcpt:
            return self.rcpt[address]
        envelope.rcpt_tos.append(address)
        return "250 fine"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if envelope.rcpt_tos[0] in self.data:
            return self.data[envelope.rcpt_tos[0]]
        answer = await super().handle_DATA(server, session, envelope)
        self.taken()
        return answer

    def mails(self) -> list[Mail]:
        """Oldest first."""
        return self.mailbox.newest(1_000)[::-1]

    def recipients(self) -> list[str]:
        return sorted(mail.recipients for mail in self.mails())


@dataclass
class Kept:
    """In place of S3, for tests that are not about it: whatever is asked for is this."""

    content: bytes

    def read(self, _attachment: Attachment, *, limit: int) -> bytes:
        assert len(self.content) <= limit
        return self.content


def attached(content: bytes) -> Attachment:
    return Attachment("bucket", "k/1.pdf", hashlib.sha256(content).hexdigest(), "請求書.pdf", "application/pdf")


@dataclass
class Outbox:
    """One outbox, and workers of it."""

    pool: postgres.Pool
    server: Server
    clock: Clock
    files: Files
    options: Options = OPTIONS
    number: int = field(default=0)

    def worker(self, **changes: Any) -> OutboxContext:
        """A context of a worker's own."""
        options = replace(self.options, **changes)
        made = build_context(
            pool=self.pool,
            templates=TEMPLATES,
            options=options,
            key=KEY,
            mailbox=self.server.mailbox,
            clock=self.clock,
        )
        self.number += 1
        return replace(made, owner=f"elsewhere/1/1/{self.number}")

    def providers(self) -> dict[Channel, Provider]:
        url = f"smtp://127.0.0.1:{self.server.port}"
        return {Channel.MAIL: SmtpProvider(url, sender=SENDER.address)}

    def deliver(self, **changes: Any) -> int:
        """A round of a worker."""
        return service.deliver(self.worker(**changes), self.providers(), self.files)

    def add(self, *recipients: str, key: str = "", **more: Any) -> None:
        """Notices by mail."""
        given = {"template": "receipt", "channel": Channel.MAIL, "parameters": {"name": "<山田> & 太郎"}, **more}
        notices = [Notice(key=f"{key}{recipient}", recipient=recipient, **given) for recipient in recipients]
        with postgres.transaction(self.pool) as connection:
            service.enqueue(connection, "shop", notices, at=self.clock())

    def advertise(self, *recipients: str, key: str = "") -> None:
        self.add(*recipients, key=key, category=Category.ADVERTISING)

    def consent(self, recipient: str, *, granted: bool = True) -> None:
        with postgres.transaction(self.pool) as connection:
            service.consent(connection, "shop", recipient, granted=granted, source="form", at=self.clock())

    def rows(self) -> list[dict[str, Any]]:
        with postgres.transaction(self.pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute("SELECT * FROM outbox.notices ORDER BY number").fetchall()

    def states(self) -> dict[str, str]:
        """By recipient: the state, and why."""
        return {row["recipient"]: " ".join(filter(None, (row["state"], row["reason"]))) for row in self.rows()}

"""What the local SMTP sink has accepted: a folder with a file for each mail, complete or not there."""

from __future__ import annotations

import email
import email.policy
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from batch_platform.core.failures import NotFound

_ENDING: Final = ".eml"
_MICROSECOND: Final = timedelta(microseconds=1)
_MARK: Final = 32  # characters of a Message-ID's hash in the name of its file


@dataclass(frozen=True)
class Enclosed:
    """What came with a mail; the `number` is its place, from 1."""

    number: int
    filename: str
    content_type: str
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Mail:
    """A mail as it was accepted."""

    name: str
    accepted_at: datetime
    recipients: str
    subject: str
    message_id: str
    headers: Sequence[tuple[str, str]]
    text: str
    html: str | None
    attachments: Sequence[Enclosed] = ()


class Mailbox:
    """The folder of a home, shared by the sink that writes and by whoever looks."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes, recipients: Sequence[str], *, at: datetime) -> None:
        """Keep a mail; it is there as a whole when this returns."""
        self._folder.mkdir(parents=True, exist_ok=True)
        message_id = str(email.message_from_bytes(content)["Message-ID"] or "")
        moment = (at - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND
        name = f"{moment:020d}-{os.urandom(4).hex()}-{_mark(message_id)}"
        partial = self._folder / f".{name}"
        partial.write_bytes(b"Delivered-To: " + ", ".join(recipients).encode() + b"\r\n" + content)
        partial.replace(self._folder / f"{name}{_ENDING}")

    def has(self, message_id: str) -> bool:
        """Whether a mail of this Message-ID was accepted."""
        return next(self._folder.glob(f"*-{_mark(message_id)}{_ENDING}"), None) is not None

    def newest(self, limit: int) -> list[Mail]:
        """The newest mails first."""
        files = sorted(self._folder.glob(f"*{_ENDING}"), reverse=True)
        return [_read(file) for file in files[:limit]]

    def mail(self, name: str) -> Mail:
        """One of them. Raises `NotFound`."""
        file = next((path for path in self._folder.glob(f"*{_ENDING}") if path.stem == name), None)
        if file is None:
            raise NotFound("unknown-mail", "no mail {mail}", mail=name)
        return _read(file)


def _mark(message_id: str) -> str:
    plain = message_id.strip().strip("<>")
    return hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()[:_MARK]


def _read(file: Path) -> Mail:
    parsed = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    text, html = (parsed.get_body((kind,)) for kind in ("plain", "html"))
    moment = int(file.stem.partition("-")[0])
    return Mail(
        name=file.stem,
        accepted_at=datetime(1970, 1, 1, tzinfo=UTC) + moment * _MICROSECOND,
        recipients=str(parsed["Delivered-To"] or ""),
        subject=str(parsed["Subject"] or ""),
        message_id=str(parsed["Message-ID"] or ""),
        headers=[(name, str(value)) for name, value in parsed.items()],
        text=text.get_content() if text else "",
        html=html.get_content() if html else None,
        attachments=[
            Enclosed(number, part.get_filename() or "", part.get_content_type(), content)
            for number, part in enumerate(parsed.iter_attachments(), 1)
            if isinstance(content := part.get_payload(decode=True), bytes)
        ],
    )

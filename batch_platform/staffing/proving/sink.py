"""Mail sinks that can be asked what they took: one in memory for workers of this process, and the local one."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

from batch_platform.core.failures import PermanentFailure
from batch_platform.outbox.model import Attachment, Attempt, Category
from batch_platform.proving.cases import STUCK
from batch_platform.proving.faults import Calm, Hazard
from batch_platform.staffing.store.originals import Originals

_PROGRAM: Final = "batch_platform.local.mail"
_LOOPBACK: Final = "127.0.0.1"


@dataclass
class MemorySink:
    """Takes mails of several workers, and says of each Message-ID whether it did."""

    mails: list[bytes] = field(default_factory=list)

    def taken(self, message_id: str) -> bool:
        return any(message_id.encode() in mail for mail in self.mails)


@dataclass(frozen=True)
class MemoryProvider:
    """The way of one worker to the sink: each mail that is given passes the worker's hazard."""

    sink: MemorySink
    hazard: Hazard = field(default_factory=Calm)

    def accepted(self, message_id: str) -> bool:
        return self.sink.taken(message_id)

    def send(self, recipient: str, content: bytes, *, category: Category, holds: Callable[[], bool]) -> Attempt:  # noqa: ARG002
        if not holds():
            return Attempt(lost=True)
        self.hazard.around(_Giving(lambda: self.sink.mails.append(content)))
        return Attempt(taken=True)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class _Giving:
    """A mail on its way to the sink."""

    make: Callable[[], Any]
    operation: str = "data"
    writes: bool = True

    def made(self) -> Any:
        return self.make()


@dataclass(frozen=True)
class OriginalFiles:
    """What the outbox attaches, out of the proof's own bucket."""

    originals: Originals

    def read(self, attachment: Attachment, *, limit: int) -> bytes:  # noqa: ARG002 (originals are small)
        return self.originals.get(attachment.key, attachment.sha256)


@dataclass(frozen=True)
class LocalSink:
    """The sink of the local environment in a process and a folder of the proof's own."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"smtp://{_LOOPBACK}:{self.port}"

    @property
    def mails(self) -> list[bytes]:
        """All that it has taken."""
        return [file.read_bytes() for file in sorted(self.folder.glob("*.eml"))]

    def clear(self) -> None:
        for file in self.folder.glob("*.eml"):
            file.unlink()


@contextmanager
def local_sink() -> Iterator[LocalSink]:
    """The local sink while it runs. Raises `PermanentFailure` where it does not start."""
    with tempfile.TemporaryDirectory() as folder, socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        sink = LocalSink(Path(folder), probe.getsockname()[1])
        probe.close()
        command = (sys.executable, "-m", _PROGRAM, "--port", str(sink.port), "--folder", folder)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        try:
            _await(sink.port, process)
            yield sink
        finally:
            process.kill()
            process.wait()


def read(mail: bytes) -> tuple[str, dict[str, bytes]]:
    """The Message-ID of a mail, and its attachments by their names."""
    message = message_from_bytes(mail, policy=policy.default)
    assert isinstance(message, EmailMessage)
    attached = {
        part.get_filename() or "": content
        for part in message.iter_attachments()
        if isinstance(content := part.get_payload(decode=True), bytes)
    }
    return str(message["Message-ID"]), attached


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + STUCK
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((_LOOPBACK, port)) == 0:
                return
        time.sleep(0.05)
    raise PermanentFailure("proof-sink", "the mail sink of the proof does not start")

"""What every use case works with; made once per process by whoever calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from batch_platform.core.clock import Clock, utc_now
from batch_platform.core.postgres import Connection, Pool
from batch_platform.core.workers import worker_name
from batch_platform.outbox.model import Attempt, Category, Options
from batch_platform.outbox.store import OutboxStore
from batch_platform.outbox.store.mailbox import Mailbox
from batch_platform.outbox.templates import Templates

Record = Callable[[Connection, str, str, object, object], None]
"""Records a change in its own transaction: what is done, to what, and the state before and after."""


class Provider(Protocol):
    """Who brings the notices of a channel to people."""

    def accepted(self, message_id: str, /) -> bool | None:
        """Whether it took this Message-ID; None when it cannot be asked. Raises `TransientFailure` when silent."""

    def send(self, recipient: str, content: bytes, *, category: Category, holds: Callable[[], bool]) -> Attempt:
        """Give a notice to it: the bytes of a mail, the text of an SMS. `holds` is asked right before."""

    def close(self) -> None:
        """End what is open; the next notice opens it again."""


@dataclass(frozen=True)
class OutboxContext:
    """Store, templates, options and identity of one worker. `key` signs the links by which people decline.

    `mailbox` is where the local sink keeps mails; None elsewhere.
    """

    store: OutboxStore
    templates: Templates
    options: Options
    key: bytes = field(repr=False)
    mailbox: Mailbox | None = None
    clock: Clock = utc_now
    owner: str = field(default_factory=worker_name)


def build_context(
    *,
    pool: Pool,
    templates: Mapping[str, str],
    options: Options,
    key: bytes,
    mailbox: Mailbox | None = None,
    clock: Clock = utc_now,
) -> OutboxContext:
    """The context of this process. `templates` are the domains' packages, by domain."""
    return OutboxContext(OutboxStore(pool), Templates(templates), options, key, mailbox, clock)

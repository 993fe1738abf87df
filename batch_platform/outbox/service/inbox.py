"""What domains do in transactions of their own: hand notices over, keep consent, show what was told in the app."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from batch_platform.core import cursors
from batch_platform.core.failures import PermanentFailure
from batch_platform.core.postgres import Connection
from batch_platform.outbox.model import Channel, Notice, State, StoredNotice
from batch_platform.outbox.store import OutboxSession
from batch_platform.outbox.store.notices import notice_before
from batch_platform.outbox.templates import Templates

PAGE: Final = 50


def enqueue(connection: Connection, domain: str, notices: Sequence[Notice], *, at: datetime) -> int:
    """Add notices in the caller's transaction, all of them by one statement; how many are new.

    They are there when the fact is, and gone when it is rolled back. A key that the domain has used before adds
    nothing. Statements of a domain may call `outbox.enqueue(domain, notices, at)` themselves.
    """
    return OutboxSession(connection).enqueue(domain, notices, at=at)


def states(connection: Connection, domain: str, keys: Sequence[str]) -> dict[str, State]:
    """What became of notices of a domain, by key; one that was never handed over is not among them."""
    return OutboxSession(connection).states(domain, keys)


def consent(
    connection: Connection,
    domain: str,
    recipient: str,
    *,
    granted: bool,
    source: str,
    at: datetime,
    channel: Channel = Channel.MAIL,
) -> None:
    """Keep that somebody agreed to the domain's advertising, or declined it. `source` says where: the proof of it."""
    OutboxSession(connection).add_consent(domain, channel, recipient, granted=granted, source=source, at=at)


def mark_read(
    connection: Connection, domain: str, recipient: str, ids: Sequence[UUID] | None = None, *, at: datetime
) -> int:
    """Mark what somebody was told in the app as read, all of it where no `ids` are named; how many were unread."""
    return OutboxSession(connection).mark_read(domain, recipient, ids, at=at)


@dataclass(frozen=True)
class InAppNotice:
    """A notice as the domain's pages show it: plain text, to be escaped there."""

    id: UUID
    template: str
    subject: str
    text: str
    created_at: datetime
    read_at: datetime | None


class Inbox:
    """What people were told in the app by one domain, whose `package` has the templates."""

    def __init__(self, domain: str, package: str) -> None:
        self._domain = domain
        self._templates = Templates({domain: package})

    def page(
        self,
        connection: Connection,
        recipient: str,
        *,
        unread: bool = False,
        limit: int = PAGE,
        cursor: str | None = None,
    ) -> tuple[list[InAppNotice], str | None]:
        """A page, the newest first, and the cursor of the next one. Raises `InvalidInput` for a foreign cursor.

        A notice whose template does not go with it any more says so; the others stay readable.
        """
        session = OutboxSession(connection)
        rows = session.inbox(self._domain, recipient, unread=unread, before=notice_before(cursor), limit=limit + 1)
        page, following = cursors.cut(rows, limit, lambda row: {"id": str(row.id)})
        return [self._shown(row) for row in page], following

    def _shown(self, row: StoredNotice) -> InAppNotice:
        try:
            rendered = self._templates.render(row.domain, row.template, row.parameters, channel=Channel.IN_APP)
            subject, text = rendered.subject, rendered.text
        except PermanentFailure as failure:
            subject, text = row.template, str(failure.message)
        return InAppNotice(row.id, row.template, subject, text, row.created_at, row.read_at)

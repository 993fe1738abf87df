"""The tables of the outbox."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from batch_platform.core import cursors
from batch_platform.core.failures import NotFound
from batch_platform.core.sql import load
from batch_platform.core.store import BaseSession, BaseStore
from batch_platform.outbox.events import Event
from batch_platform.outbox.model import (
    Attachment,
    Category,
    Channel,
    Notice,
    Options,
    Reason,
    Rendered,
    State,
    StoredNotice,
    Suppression,
    SuppressionReason,
)

_ATTACHED: Final = tuple(field.name for field in fields(Attachment))
_NUL: Final = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


class OutboxSession(BaseSession):
    """The statements of one transaction."""

    _sql = load("batch_platform.outbox.sql")

    def enqueue(self, domain: str, notices: Sequence[Notice], *, at: datetime) -> int:
        """How many of them are new."""
        rows = [
            {
                "key": notice.key,
                "channel": notice.channel,
                "category": notice.category,
                "template": notice.template,
                "recipient": notice.recipient,
                "parameters": notice.parameters,
                "not_before": notice.not_before,
                "attachments": [asdict(attachment) for attachment in notice.attachments],
            }
            for notice in notices
        ]
        # decimals and moments as they are said; what PostgreSQL takes in no text is left out
        written = _NUL.sub(r"\1", json.dumps(rows, ensure_ascii=False, default=str))
        storable = written.encode("utf-8", "replace").decode()
        return int(self._value("enqueue", domain=domain, notices=storable, at=at))

    def states(self, domain: str, keys: Sequence[str]) -> dict[str, State]:
        """By key; a key that was never handed over is not among them."""
        return {row["key"]: State(row["state"]) for row in self._rows("states", domain=domain, keys=list(keys))}

    def inbox(
        self, domain: str, recipient: str, *, unread: bool, before: UUID | None, limit: int
    ) -> list[StoredNotice]:
        """What somebody was told in the app, the newest first."""
        rows = self._rows("inbox", domain=domain, recipient=recipient, unread=unread, before=before, limit=limit)
        return list(map(_notice, rows))

    def mark_read(self, domain: str, recipient: str, ids: Sequence[UUID] | None, *, at: datetime) -> int:
        """All of them where no `ids` are named; how many were unread."""
        given = None if ids is None else list(ids)
        return self._run("mark_read", domain=domain, recipient=recipient, ids=given, at=at)

    def add_consent(
        self, domain: str, channel: Channel, recipient: str, *, granted: bool, source: str, at: datetime
    ) -> None:
        given = {"domain": domain, "channel": channel, "recipient": recipient}
        self._run("add_consent", **given, granted=granted, source=source, at=at)

    def consent(self, domain: str, channel: Channel, recipient: str) -> bool | None:
        """What was said last; None for nothing."""
        rows = self._rows("consent", domain=domain, channel=channel, recipient=recipient)
        return bool(rows[0]["granted"]) if rows else None

    def page(
        self,
        *,
        state: State | None,
        channel: Channel | None,
        domain: str | None,
        recipient: str | None,
        before: UUID | None,
        limit: int,
    ) -> list[StoredNotice]:
        """Notices, the newest first."""
        filters = {"state": state, "channel": channel, "domain": domain, "recipient": recipient}
        return list(map(_notice, self._rows("page", **filters, before=before, limit=limit)))

    def notice(self, id: UUID) -> StoredNotice:  # noqa: A002 (as the column)
        """Raises `NotFound`."""
        rows = self._rows("notice", id=id)
        if not rows:
            raise NotFound("unknown-notice", "no notice {notice}", notice=str(id))
        return _notice(rows[0])

    def numbered(self, number: int) -> StoredNotice:
        """By its number. Raises `NotFound`."""
        rows = self._rows("numbered", number=number)
        if not rows:
            raise NotFound("unknown-notice", "no notice {notice}", notice=number)
        return _notice(rows[0])

    def retry(self, id: UUID, *, now: datetime) -> StoredNotice | None:  # noqa: A002
        """A dead letter starts anew, rendered anew; None for what is none."""
        rows = self._rows("retry", id=id, now=now)
        return _notice(rows[0]) if rows else None

    def suppressions(
        self, *, channel: Channel | None, after: tuple[str, str] | None, limit: int
    ) -> list[Suppression]:
        """By channel and recipient."""
        after_channel, after_recipient = after or (None, None)
        place = {"after_channel": after_channel, "after_recipient": after_recipient}
        return [_suppression(row) for row in self._rows("suppressions", channel=channel, **place, limit=limit)]

    def suppression(self, channel: Channel, recipient: str) -> Suppression | None:
        rows = self._rows("suppression", channel=channel, recipient=recipient)
        return _suppression(rows[0]) if rows else None

    def suppress(
        self,
        channel: Channel,
        recipient: str,
        reason: SuppressionReason,
        *,
        detail: str | None,
        by: str,
        now: datetime,
    ) -> None:
        """Who is suppressed already stays so for the first reason."""
        who = {"channel": channel, "recipient": recipient}
        self._run("suppress", **who, reason=reason, detail=detail, by=by, now=now)

    def unsuppress(self, channel: Channel, recipient: str) -> None:
        self._run("unsuppress", channel=channel, recipient=recipient)

    def overview(self) -> Mapping[str, Any]:
        """`waiting`, the moment of the `oldest` of these, `failed`."""
        [row] = self._rows("overview")
        return row

    # --- what the resident worker does

    def lease_owners(self) -> list[str]:
        """Workers that have notices in hand."""
        return [row["lease_owner"] for row in self._rows("lease_owners")]

    def give_back(self, dead: Sequence[str], *, now: datetime) -> int:
        """Take notices out of hands that are known to be dead, or have kept them for too long; how many."""
        return self._run("give_back", dead=list(dead), now=now)

    def claim(self, owner: str, options: Options, *, host: str, limit: int, now: datetime) -> list[StoredNotice]:
        """What is due, judged: those that may be sent are in this owner's hands, the others came to their end."""
        self._rows("lock_claims")
        rows = self._rows(
            "claim",
            owner=owner,
            host=host,
            limit=limit,
            now=now,
            until=now + options.lease,
            advertising_per_day=options.advertising_per_day,
        )
        return sorted(map(_notice, rows), key=lambda notice: (notice.next_attempt_at, notice.id))

    def renew(self, owner: str, *, until: datetime, now: datetime) -> None:
        """Keep all that this owner has and has not lost."""
        self._run("renew", owner=owner, until=until, now=now)

    def hold(self, notice: StoredNotice, *, until: datetime, now: datetime) -> bool:
        """Whether the notice is still in the hands of who claimed it; then it is so for another lease."""
        return self._run("hold", id=notice.id, fence=notice.fence, until=until, now=now) == 1

    def keep_rendered(self, rendered: Sequence[tuple[StoredNotice, Rendered]]) -> None:
        """What was rendered for the first attempt, so that all attempts send the same."""
        rows = [
            {
                "id": str(notice.id),
                "fence": notice.fence,
                "subject": text.subject,
                "body_text": text.text,
                "body_html": text.html,
            }
            for notice, text in rendered
        ]
        self._run("keep_rendered", rendered=json.dumps(rows, ensure_ascii=False))

    def settle(
        self,
        notice: StoredNotice,
        state: State,
        *,
        now: datetime,
        attempts: int,
        reason: Reason | None = None,
        detail: str | None = None,
        provider_id: str | None = None,
        next_attempt_at: datetime | None = None,
        unknown_since: datetime | None = None,
    ) -> bool:
        """What became of an attempt; False when another has the notice by now, and nothing is written."""
        written = self._run(
            "settle",
            id=notice.id,
            fence=notice.fence,
            state=state,
            reason=reason,
            detail=detail,
            provider_id=provider_id,
            attempts=attempts,
            next_attempt_at=next_attempt_at,
            unknown_since=unknown_since,
            now=now,
        )
        return written == 1

    def settle_events(self, events: Sequence[Event], *, by: str, now: datetime) -> set[str]:
        """What the provider told later of notices; the ids of those that are known."""
        written = json.dumps([asdict(event) for event in events])
        return {row["provider_id"] for row in self._rows("settle_events", events=written, by=by, now=now)}

    def clear(self, *, older_than: timedelta, now: datetime, limit: int) -> int:
        """Delete parameters and texts of what came to its end long ago; how many."""
        return self._run("clear", before=now - older_than, now=now, limit=limit)


def notice_before(cursor: str | None) -> UUID | None:
    """The last notice of the page before. Raises `InvalidInput` for a cursor that was not given out."""
    text = cursors.decode(cursor, id=str).get("id")
    try:
        return None if text is None else UUID(text)
    except ValueError:
        raise cursors.foreign() from None


class OutboxStore(BaseStore[OutboxSession]):
    """Transactions on the outbox."""

    _session = OutboxSession


def _notice(row: Mapping[str, Any]) -> StoredNotice:
    reason = row["reason"]
    kinds = {
        "channel": Channel(row["channel"]),
        "category": Category(row["category"]),
        "state": State(row["state"]),
        "reason": None if reason is None else Reason(reason),
        "attachments": tuple(Attachment(**{name: each[name] for name in _ATTACHED}) for each in row["attachments"]),
    }
    return StoredNotice(**{**row, **kinds})


def _suppression(row: Mapping[str, Any]) -> Suppression:
    kinds = {"channel": Channel(row["channel"]), "reason": SuppressionReason(row["reason"])}
    return Suppression(**{**row, **kinds})

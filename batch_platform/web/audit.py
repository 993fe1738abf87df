"""The audit log: who changed what, when, from what to what.

A row is written in the transaction of the change itself. Where the change is another system's, an intent is written
before it and gets its outcome afterwards; one without an outcome tells of a process that was killed in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from starlette.requests import HTTPConnection

from batch_platform.core import postgres
from batch_platform.core.logs import mask_text, masked
from batch_platform.core.sql import load
from batch_platform.web.context import web_of

_SQL: Final = load("batch_platform.web.sql")


class Actor(Protocol):
    """Whoever has a subject: a `Principal`."""

    @property
    def subject(self) -> str: ...


@dataclass(frozen=True)
class AuditEntry:
    """One row; `before` and `after` are JSON, secrets masked.

    `outcome` is what became of an intent, which is not settled before; other rows are settled when they are written.
    """

    id: int
    at: datetime
    who: str
    what: str
    target: str
    before: Any
    after: Any
    correlation_id: str | None
    outcome: str | None
    settled_at: datetime | None


def record(
    connection: postgres.Connection,
    *,
    who: Actor | str,
    what: str,
    target: str,
    before: Any = None,
    after: Any = None,
    correlation_id: str | None = None,
    now: datetime,
) -> None:
    """Add a row in the caller's transaction: the change and its trace are both there, or neither.

    `what` is written `thing.verb`. Whatever looks like a secret in `before` and `after` is masked.
    """
    row = {"who": who, "what": what, "target": target, "before": before, "after": after}
    _insert(connection, **row, correlation_id=correlation_id, now=now, settled_at=now)


def intend(
    pool: postgres.Pool,
    *,
    who: Actor | str,
    what: str,
    target: str,
    before: Any = None,
    after: Any = None,
    correlation_id: str | None = None,
    now: datetime,
) -> int:
    """Add a row for a change that another system is asked for next, and commit it; the id is for `settle`."""
    row = {"who": who, "what": what, "target": target, "before": before, "after": after}
    with postgres.transaction(pool) as own:
        return _insert(own, **row, correlation_id=correlation_id, now=now, settled_at=None)


def settle(pool: postgres.Pool, intent: int, outcome: str, *, now: datetime) -> None:
    """Write what became of an intent, once: what is settled stays."""
    with postgres.transaction(pool) as own:
        own.execute(_SQL["settle_audit"], {"id": intent, "outcome": mask_text(outcome), "now": now})


def _insert(
    connection: postgres.Connection,
    *,
    who: Actor | str,
    before: Any,
    after: Any,
    **columns: Any,
) -> int:
    values = masked(None, "", {"before": before, "after": after})
    texts = {name: None if value is None else Jsonb(value) for name, value in values.items()}
    subject = who if isinstance(who, str) else who.subject
    row = connection.execute(_SQL["insert_audit"], {"who": subject, **texts, **columns}).fetchone()
    assert row is not None
    return int(row[0])


def audited(
    pool: postgres.Pool,
    connection: HTTPConnection,
    what: str,
    target: str,
    before: Any = None,
    after: Any = None,
) -> None:
    """Add a row for a change that its service has already committed in a transaction of its own."""
    with postgres.transaction(pool) as own:
        record(
            own,
            who=connection.scope["principal"],
            what=what,
            target=target,
            before=before,
            after=after,
            correlation_id=connection.scope.get("correlation_id"),
            now=web_of(connection).clock(),
        )


class AuditStore:
    """Reads the log, newest first."""

    def __init__(self, pool: postgres.Pool) -> None:
        self._pool = pool

    def require(self) -> None:
        """Raises `PermanentFailure` where there is no log: nothing is done that could not be written down."""
        with postgres.transaction(self._pool) as connection:
            connection.execute(_SQL["audit_table"])

    def rows(
        self,
        *,
        who: str | None = None,
        what: str | None = None,
        target: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before_id: int | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[AuditEntry]:
        """Rows that match everything given; `what` is a whole `thing.verb` or a thing; `until` is exclusive."""
        wanted = {"who": who, "what": what, "target": target, "since": since, "until": until}
        with self._cursor() as cursor:
            page = {"before_id": before_id, "limit": limit, "offset": offset}
            rows: list[AuditEntry] = cursor.execute(_SQL["audit_rows"], {**wanted, **page}).fetchall()
            return rows

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with (
            postgres.transaction(self._pool) as connection,
            connection.cursor(row_factory=class_row(AuditEntry)) as cur,
        ):
            yield cur

"""The audit log: who changed what, when, from what to what. Written in the transaction of the change itself."""

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
from batch_platform.core.logs import masked
from batch_platform.core.sql import load
from batch_platform.web.context import web_of

_SQL: Final = load("batch_platform.web.sql")


class Actor(Protocol):
    """Whoever has a subject: a `Principal`."""

    @property
    def subject(self) -> str: ...


@dataclass(frozen=True)
class AuditEntry:
    """One row; `before` and `after` are JSON, secrets masked."""

    id: int
    at: datetime
    who: str
    what: str
    target: str
    before: Any
    after: Any
    correlation_id: str | None


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
    values = masked(None, "", {"before": before, "after": after})
    connection.execute(
        _SQL["insert_audit"],
        {
            "now": now,
            "who": who if isinstance(who, str) else who.subject,
            "what": what,
            "target": target,
            **{name: None if value is None else Jsonb(value) for name, value in values.items()},
            "correlation_id": correlation_id,
        },
    )


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

"""The audit log: who changed what, when, from what to what; one row for each write of a person, on every surface.

Where PostgreSQL holds the truth the row is written in the transaction of the change itself (`Log.record`). Where it
is another system's, an intent is written before the change and gets its outcome afterwards (`Log.intent`); one
without an outcome tells of a process that was killed in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import structlog
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from batch_platform.core import postgres
from batch_platform.core.clock import Clock
from batch_platform.core.failures import InvalidInput, PlatformError
from batch_platform.core.logs import in_one_line, mask_text, masked
from batch_platform.core.sql import load

DONE: Final = "done"
"""The outcome of an intent that was carried out."""

EXPORT: Final = "audit.export"

_SQL: Final = load("batch_platform.core")
_KINDS: Final = ("local", "oidc", "token", "cli")
_AT_ONCE: Final = 500

_log = structlog.get_logger(__name__)


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


@dataclass
class Intent:
    """A change that is about to be made: what is set here is written with its outcome."""

    target: str
    after: Any = None


@dataclass(frozen=True)
class Log:
    """The audit log in the hands of one who acts: a subject such as `local:ann`, `token:nightly` or `cli:root`.

    `via` is the system's user behind a command, who may act as another, or the token by which a person acts. `key`
    names one write: whoever was killed and tries again under the same key meets his row.
    """

    pool: postgres.Pool
    clock: Clock
    who: str
    via: str | None = None
    correlation_id: str | None = None
    key: str | None = None

    def record(
        self, connection: postgres.Connection, what: str, target: str, before: Any = None, after: Any = None
    ) -> None:
        """Add a row in the transaction of the change itself."""
        record(
            connection,
            who=self.who,
            what=what,
            target=target,
            before=before,
            after=self.signed(after),
            correlation_id=self.correlation_id,
            now=self.clock(),
        )

    @contextmanager
    def intent(self, what: str, target: str, before: Any = None) -> Iterator[Intent]:
        """A row around a change that another system is asked for: it says how the block ended."""
        intent = Intent(target)
        number = intend(
            self.pool,
            who=self.who,
            what=what,
            target=target,
            before=before,
            correlation_id=self.correlation_id,
            key=self.key,
            now=self.clock(),
        )
        try:
            yield intent
        except BaseException as error:
            outcome = "refused" if isinstance(error, InvalidInput) else "failed"
            reason = in_one_line(error) if isinstance(error, Exception) else type(error).__name__
            try:
                self._settle(number, intent, f"{outcome}: {reason}")
            except PlatformError as unsettled:  # the row stays open, and the caller is told what went wrong first
                _log.warning("an audit row has no outcome", id=number, reason=unsettled.message)
            raise
        self._settle(number, intent, DONE)

    def _settle(self, number: int, intent: Intent, outcome: str) -> None:
        after = self.signed(intent.after)
        settle(self.pool, number, outcome, target=intent.target, after=after, now=self.clock())

    def signed(self, after: Any) -> Any:
        """With `via`, by which the one who acts did so."""
        if self.via is None:
            return after
        return {**(after if isinstance(after, dict) else {} if after is None else {"value": after}), "via": self.via}


def record(
    connection: postgres.Connection,
    *,
    who: str,
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
    _insert(connection, **row, correlation_id=correlation_id, now=now, settled_at=now, key=None)


def intend(
    pool: postgres.Pool,
    *,
    who: str,
    what: str,
    target: str,
    before: Any = None,
    after: Any = None,
    correlation_id: str | None = None,
    key: str | None = None,
    now: datetime,
) -> int:
    """Add a row for a change that another system is asked for next, and commit it; the id is for `settle`.

    With a `key` whose row is not refused or failed, the id is that row's.
    """
    row = {"who": who, "what": what, "target": target, "before": before, "after": after}
    with postgres.transaction(pool) as own:
        return _insert(own, **row, correlation_id=correlation_id, now=now, settled_at=None, key=key)


def settle(
    pool: postgres.Pool,
    intent: int,
    outcome: str,
    *,
    target: str | None = None,
    after: Any = None,
    now: datetime,
) -> None:
    """Write what became of an intent, once: what is settled stays. `target` and `after` may be known by now."""
    written = _json(after=after)
    with postgres.transaction(pool) as own:
        own.execute(
            _SQL["settle_audit"],
            {"id": intent, "outcome": mask_text(outcome), "target": target, **written, "now": now},
        )


def _insert(connection: postgres.Connection, *, before: Any, after: Any, **columns: Any) -> int:
    values = {**columns, **_json(before=before, after=after)}
    while True:
        row = connection.execute(_SQL["insert_audit"], values).fetchone()
        row = row or connection.execute(_SQL["audit_of_key"], values).fetchone()
        if row is not None:
            return int(row[0])


def _json(**values: Any) -> dict[str, Jsonb | None]:
    """Values without secrets, as the database takes them."""
    return {name: None if value is None else Jsonb(value) for name, value in masked(None, "", values).items()}


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
        """Rows that match everything given; `what` is a whole `thing.verb` or a thing; `until` is exclusive.

        `who` is a subject or, without its kind, the name of a person or a program; it may also be by what one acted.
        """
        people = [] if who is None else [who, *(f"{kind}:{who}" for kind in _KINDS)]
        filters = {"who": who, "people": people, "what": what, "target": target, "since": since, "until": until}
        with self._cursor() as cursor:
            page = {"before_id": before_id, "limit": limit, "offset": offset}
            rows: list[AuditEntry] = cursor.execute(_SQL["audit_rows"], {**filters, **page}).fetchall()
            return rows

    def every(self, *, before_id: int | None = None, **filters: Any) -> Iterator[AuditEntry]:
        """Every row that matches, newest first; no connection is held while the caller is at work."""
        while rows := self.rows(**filters, before_id=before_id, limit=_AT_ONCE):
            yield from rows
            before_id = rows[-1].id

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with (
            postgres.transaction(self._pool) as connection,
            connection.cursor(row_factory=class_row(AuditEntry)) as cur,
        ):
            yield cur

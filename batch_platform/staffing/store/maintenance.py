"""What weekly maintenance reads and does in the database, and the findings of weekly jobs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

from batch_platform.core import postgres
from batch_platform.core.logs import in_one_line
from batch_platform.core.messages import Message, to_json
from batch_platform.staffing import maintenance as bounds
from batch_platform.staffing.maintenance import Deed, Finding
from batch_platform.staffing.retention import RetentionClass
from batch_platform.staffing.store.statements import Row, StaffingStatements, rows_of

_BATCH: Final = 10_000


class WeeklyRuns(StaffingStatements):
    """Runs of the weekly jobs with their findings."""

    def begin_maintenance(self, job: str, partition: date, now: datetime) -> None:
        """A run of this partition; what earlier ones have done stays."""
        self._run("begin_maintenance", job=job, partition=partition, now=now)

    def add_deeds(self, job: str, partition: date, deeds: Sequence[Deed]) -> None:
        """What was done by a step."""
        self._run("add_deeds", job=job, partition=partition, deeds=rows_of([asdict(deed) for deed in deeds]))

    def end_maintenance(self, job: str, partition: date, findings: Sequence[Finding], now: datetime) -> None:
        """The findings of the partition in place of those of an earlier run."""
        rows = [
            {"kind": each.kind, "subject": each.subject, "severity": each.severity}
            | {"what": _message(each.what), "to_do": _message(each.to_do)}
            for each in findings
        ]
        self._run("clear_maintenance_findings", job=job, partition=partition)
        self._run("write_maintenance_findings", job=job, partition=partition, findings=rows_of(rows), now=now)
        self._run("end_maintenance", job=job, partition=partition, now=now)

    def maintenance_runs(self, job: str | None) -> list[Row]:
        """The newest first."""
        return self._rows("maintenance_runs", job=job)

    def maintenance_findings(self, job: str | None, partition: date | None, severity: str | None) -> list[Row]:
        """Of the newest runs, or of a partition; the worst first."""
        return self._rows("maintenance_findings", job=job, partition=partition, severity=severity)


class Upkeep(StaffingStatements):
    """The statements of a connection of its own, each committed by the server: some cannot run in a transaction."""

    def take_turn(self) -> bool:
        """Whether nobody else maintains the database; the turn ends with the connection."""
        return bool(self._value("try_maintenance"))

    def set_lock_timeout(self, timeout: timedelta) -> None:
        """How long a statement waits for what others hold."""
        self._rows("set_lock_timeout", timeout=f"{int(timeout.total_seconds() * 1000)}ms")

    def stale_tables(self) -> list[Row]:
        """Tables whose statistics are behind."""
        return self._rows("stale_tables")

    def invalid_indexes(self) -> list[Row]:
        """Leftovers of rebuilding first."""
        return self._rows("invalid_indexes")

    def bloated_indexes(self) -> list[Row]:
        """The most wasteful first."""
        return self._rows("bloated_indexes", waste=bounds.BLOATED_BYTES, share=bounds.BLOATED_SHARE)

    def index_bytes(self, row: Row) -> int:
        """How large an index is now."""
        cursor = self.connection.execute("SELECT pg_relation_size(%s::regclass)", [_quoted(row, self.connection)])
        [[size]] = cursor.fetchall()
        return int(size)

    def analyze(self, row: Row) -> str | None:
        """Why it failed, or None."""
        return self._attempt("analyze_table", table=_identifier(row))

    def reindex(self, row: Row) -> str | None:
        """Why it failed, or None. What a failed one leaves behind is dropped."""
        failed = self._attempt("reindex", index=_identifier(row))
        if failed is not None:
            for left in self.invalid_indexes():
                if left["is_leftover"] and left["schema"] == row["schema"] and left["name"].startswith(row["name"]):
                    self.drop_index(left)
        return failed

    def drop_index(self, row: Row) -> str | None:
        """Why it failed, or None."""
        return self._attempt("drop_index", index=_identifier(row))

    def count_past(self, of: RetentionClass, now: datetime) -> int:
        """Rows of a class whose time is over."""
        statement = sql.SQL("SELECT count(*) FROM ({}) AS past").format(self._sql[_past(of)])
        [[count]] = self.connection.execute(statement, {"before": of.before(now)}).fetchall()
        return int(count)

    def delete_past(self, of: RetentionClass, now: datetime) -> int:
        """Delete them, some thousands a statement; how many."""
        statement = sql.SQL("DELETE FROM {} WHERE ctid = ANY (ARRAY({} LIMIT %(batch)s))").format(
            sql.Identifier(*of.table.split(".")), self._sql[_past(of)]
        )
        deleted = 0
        while count := self.connection.execute(statement, {"before": of.before(now), "batch": _BATCH}).rowcount:
            deleted += count
        return deleted

    def health(self, now: datetime) -> Iterator[Finding]:
        """What passes its bound."""
        [row] = self._rows("health_connections")
        yield from bounds.connections(row["used"], row["allowed"])
        yield from bounds.replication_slots(self._rows("health_replication_slots", bytes=bounds.SLOT_BYTES))
        yield from bounds.transactions(self._rows("health_transactions", age=bounds.TRANSACTION_AGE))
        yield from bounds.dead_rows(self._rows("health_dead_rows", rows=bounds.DEAD_ROWS, share=bounds.DEAD_SHARE))
        yield from bounds.sequences(self._rows("health_sequences", share=bounds.SEQUENCE_SHARE))
        yield from bounds.constraints(self._rows("health_constraints"))
        yield from bounds.freeze(self._rows("health_freeze", transactions=bounds.FREEZE))
        yield from bounds.backup(self._value("health_backup"), now)
        yield from (bounds.invalid_index(row) for row in self.invalid_indexes())

    def _attempt(self, name: str, **identifiers: sql.Composable) -> str | None:
        try:
            self.connection.execute(self._sql[name].format(**identifiers))
        except psycopg.Error as error:
            if self.connection.closed:
                raise
            return in_one_line(error)
        return None


@contextmanager
def open_upkeep(pool: postgres.Pool) -> Iterator[Upkeep]:
    """A connection beside the pool's, closed at the end."""
    with postgres.own(pool) as connection:
        connection.execute("SET search_path = staffing")
        yield Upkeep(connection)


def _identifier(row: Row) -> sql.Identifier:
    return sql.Identifier(row["schema"], row["name"])


def _quoted(row: Row, connection: postgres.Connection) -> str:
    return _identifier(row).as_string(connection)


def _past(of: RetentionClass) -> str:
    return f"past_{of.name.replace('-', '_')}"


def _message(message: Message) -> Any:
    return json.loads(to_json(message))

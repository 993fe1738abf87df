"""What weekly maintenance looks for, what it finds, and what somebody should do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from batch_platform.core.messages import Message

Severity = Literal["critical", "warning", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = ("critical", "warning", "info")
Row = Mapping[str, Any]

BLOATED_SHARE: Final = Decimal("0.4")
BLOATED_BYTES: Final = 16 * 2**20
"""An index that wastes so much of itself, and so many bytes at least, is built anew."""

CONNECTIONS: Final = (Decimal("0.8"), Decimal("0.95"))
"""Shares of the allowed connections: a warning, and critical."""
SLOT_BYTES: Final = 2**30
TRANSACTION_AGE: Final = timedelta(hours=1)
DEAD_ROWS: Final = 10_000
DEAD_SHARE: Final = Decimal("0.2")
SEQUENCE_SHARE: Final = Decimal("0.8")
FREEZE: Final = 1_000_000_000
DISK_FREE: Final = (Decimal("0.15"), Decimal("0.05"))
BACKUP_AGE: Final = timedelta(hours=50)
"""Two nights, and the time that a proof may take: the alert of one night has been there for a day."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something somebody has to look at; one of each kind and subject. `to_do` is what helps."""

    kind: str
    subject: str
    severity: Severity
    what: Message
    to_do: Message


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that was done (dry: would be) to a subject. `amount`: rows or bytes; `error`: why it was not."""

    step: str
    subject: str
    did: str
    amount: int | None = None
    error: str | None = None

    @property
    def finding(self) -> Finding | None:
        """What failed is somebody's."""
        if self.error is None:
            return None
        what = Message(
            "maintenance-deed-failed",
            "{did} of {subject} failed: {reason}",
            did=self.did,
            subject=self.subject,
            reason=self.error,
        )
        to_do = Message(
            "maintenance-deed-failed-to-do",
            "look for what holds it, then run weekly-maintenance of this Sunday again",
        )
        return Finding(f"failed-{self.step}", self.subject, "warning", what, to_do)


def connections(used: int, allowed: int) -> Iterator[Finding]:
    """Too many of the server's connections are taken."""
    warning, critical = CONNECTIONS
    share = Decimal(used) / allowed
    if share >= warning:
        yield Finding(
            "connections",
            "server",
            "critical" if share >= critical else "warning",
            Message("health-connections", "{used} of {allowed} connections are taken", used=used, allowed=allowed),
            Message(
                "health-connections-to-do",
                "look for processes that keep idle connections (pg_stat_activity), or raise max_connections",
            ),
        )


def replication_slots(rows: Sequence[Row]) -> Iterator[Finding]:
    """Slots nobody reads keep the log of all writes."""
    for row in rows:
        megabytes = (row["bytes"] or 0) // 2**20
        yield Finding(
            "replication-slot",
            row["name"],
            "warning" if row["active"] or (row["bytes"] or 0) < SLOT_BYTES else "critical",
            Message(
                "health-slot",
                "replication slot {slot} keeps {megabytes} MB of write-ahead log",
                slot=row["name"],
                megabytes=megabytes,
            ),
            Message(
                "health-slot-to-do",
                "start its reader again, or drop it: pg_drop_replication_slot('{slot}')",
                slot=row["name"],
            ),
        )


def transactions(rows: Sequence[Row]) -> Iterator[Finding]:
    """Transactions that stay open keep dead rows from being cleared."""
    for row in rows:
        prepared = row["state"] == "prepared"
        yield Finding(
            "long-transaction",
            row["name"],
            "warning",
            Message(
                "health-transaction",
                "transaction {name} of {application} has been open for {minutes} minutes ({state})",
                name=row["name"],
                application=row["application"] or "?",
                minutes=row["minutes"],
                state=row["state"] or "?",
            ),
            Message("health-prepared-to-do", "COMMIT PREPARED or ROLLBACK PREPARED '{name}'", name=row["name"])
            if prepared
            else Message(
                "health-transaction-to-do",
                "end its process, or: SELECT pg_terminate_backend({name})",
                name=row["name"],
            ),
        )


def dead_rows(rows: Sequence[Row]) -> Iterator[Finding]:
    """Tables whose dead rows VACUUM does not get at."""
    for row in rows:
        yield Finding(
            "dead-rows",
            row["name"],
            "warning",
            Message(
                "health-dead-rows",
                "{table} has {dead} dead rows beside {live} live ones",
                table=row["name"],
                dead=row["dead"],
                live=row["live"],
            ),
            Message(
                "health-dead-rows-to-do",
                "VACUUM (VERBOSE) {table}; if they stay, a long transaction or a slot keeps them",
                table=row["name"],
            ),
        )


def sequences(rows: Sequence[Row]) -> Iterator[Finding]:
    """Sequences that soon have no more numbers."""
    for row in rows:
        percent = int(Decimal(row["last"]) * 100 / row["largest"])
        yield Finding(
            "sequence",
            row["name"],
            "critical" if percent >= 95 else "warning",
            Message(
                "health-sequence",
                "sequence {sequence} has used {percent} % of its numbers",
                sequence=row["name"],
                percent=percent,
            ),
            Message("health-sequence-to-do", "make its column and the sequence bigint before it ends"),
        )


def constraints(rows: Sequence[Row]) -> Iterator[Finding]:
    """Constraints that nobody has checked against the rows that were there before."""
    for row in rows:
        yield Finding(
            "invalid-constraint",
            f"{row['table_name']} {row['name']}",
            "warning",
            Message(
                "health-constraint",
                "constraint {name} of {table} was never checked for older rows",
                name=row["name"],
                table=row["table_name"],
            ),
            Message(
                "health-constraint-to-do",
                'ALTER TABLE {table} VALIDATE CONSTRAINT "{name}"',
                name=row["name"],
                table=row["table_name"],
            ),
        )


def freeze(rows: Sequence[Row]) -> Iterator[Finding]:
    """Databases that come near the end of transaction numbers."""
    for row in rows:
        yield Finding(
            "transaction-numbers",
            row["name"],
            "critical",
            Message(
                "health-freeze",
                "database {name} has rows {transactions} transactions old",
                name=row["name"],
                transactions=row["transactions"],
            ),
            Message("health-freeze-to-do", "find out why autovacuum does not freeze, then VACUUM (FREEZE)"),
        )


def disk(folder: str, free: int, total: int) -> Iterator[Finding]:
    """Too little room on the disk of a folder; bytes."""
    warning, critical = DISK_FREE
    share = Decimal(free) / total
    if share < warning:
        yield Finding(
            "disk",
            folder,
            "critical" if share < critical else "warning",
            Message(
                "health-disk",
                "the disk of {folder} has {gigabytes} GB left, {percent} %",
                folder=folder,
                gigabytes=free // 10**9,
                percent=int(share * 100),
            ),
            Message("health-disk-to-do", "make room or a larger disk before it is full"),
        )


def backup(verified_at: datetime | None, now: datetime) -> Iterator[Finding]:
    """No backup was proved lately."""
    if verified_at is not None and now - verified_at <= BACKUP_AGE:
        return
    what = (
        Message("health-never-backed-up", "no backup has ever been verified")
        if verified_at is None
        else Message(
            "health-backup",
            "the last verified backup is {hours} hours old",
            hours=(now - verified_at) // timedelta(hours=1),
        )
    )
    to_do = Message("health-backup-to-do", "see `batch-platform staffing backup list`, then run daily-backup")
    yield Finding("backup", "daily-backup", "critical", what, to_do)


def invalid_index(row: Row) -> Finding:
    """An index that could not be made valid is of no use, and costs each write."""
    name = f"{row['schema']}.{row['name']}"
    return Finding(
        "invalid-index",
        name,
        "warning",
        Message("health-index", "index {index} of {table} is invalid", index=name, table=row["table_name"]),
        Message("health-index-to-do", "REINDEX INDEX CONCURRENTLY {index}, or drop it", index=name),
    )

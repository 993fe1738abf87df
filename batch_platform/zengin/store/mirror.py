"""The mirror of the DynamoDB records in Postgres, for lists and counts; the audit of their states; rejections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

import polars as pl

from batch_platform.core.messages import kept
from batch_platform.zengin.model import Record, Status, Table
from batch_platform.zengin.store.statements import ZenginStatements

Fingerprint = tuple[str, str, str, str]
"""Table, key, row before, row after: what a proposal is remembered by; empty text for what is not there."""

_TEXTS: Final = (
    *("id", "changeset_id", "diff_type", "table_name", "record_id", "base_hash", "new_hash"),
    *("change_class", "risk", "status"),
)
_SCHEMA: Final = {
    **dict.fromkeys(_TEXTS, pl.String()),
    "recorded_at": pl.Datetime("us", "UTC"),
    "version": pl.Int32(),
    "not_before": pl.Date(),
}


class Mirror(ZenginStatements):
    """`records`, their `transitions`, and `rejections`."""

    def note_records(self, records: Iterable[Record], *, who: str, now: datetime, reason: str | None = None) -> None:
        """Write down the state that records have in DynamoDB, and who brought them there. Repeatable: a version is
        noted once, and an older one never replaces a newer."""
        frame = pl.DataFrame([_mirrored(record) for record in records], schema=_SCHEMA)
        if frame.is_empty():
            return
        self._run("create_mirrored")
        self._copy_temporary("zengin_mirrored", frame)
        self._run("insert_record_transitions", who=who, now=now, reason=reason, message=kept(reason))
        self._run("upsert_records", now=now)
        self._run("drop_mirrored")

    def record_keys(self, changeset_id: str, statuses: Sequence[Status] | None = None) -> list[tuple[str, datetime]]:
        """DynamoDB keys (id, timestamp) of a changeset's records, by table and key; those of some statuses only."""
        rows = self._rows("record_keys", changeset_id=changeset_id, statuses=_texts(statuses))
        return [(row["id"], row["recorded_at"]) for row in rows]

    def record_time(self, record_id: str) -> datetime | None:
        """The timestamp that completes a record's DynamoDB key; None for an unknown id."""
        rows = self._rows("record_time", id=record_id)
        return rows[0]["recorded_at"] if rows else None

    def open_records(self, keys: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Records nobody has closed, oldest first: of these keys ("0001", "0001-001") and all bulk ones; or all.

        `id`, `recorded_at`, `changeset_id`, `diff_type`, `table`, `key`, `base_hash`, `new_hash`, `status`.
        """
        return self._rows("open_records", keys=None if keys is None else list(keys))

    def record_counts(
        self, changeset_ids: Sequence[str] | None = None, statuses: Sequence[Status] | None = None
    ) -> list[dict[str, Any]]:
        """How many `records`, their `oldest` timestamp, by `changeset_id`, `status`, `risk` and `change_class`."""
        ids = None if changeset_ids is None else list(changeset_ids)
        return self._rows("record_counts", changeset_ids=ids, statuses=_texts(statuses))

    def approved_changesets(self, business_date: date) -> list[str]:
        """Changesets with records to apply (or to finish) on a date, in the order in which they were made."""
        return [row["changeset_id"] for row in self._rows("approved_changesets", business_date=business_date)]

    def remember_rejections(
        self, changeset_id: str, proposals: Iterable[Fingerprint], *, who: str, reason: str, now: datetime
    ) -> int:
        """Remember proposals that nobody should raise again; how many were not remembered yet."""
        columns = list(zip(*proposals, strict=True)) or [(), (), (), ()]
        tables, keys, bases, news = (list(column) for column in columns)
        return self._run(
            "insert_rejections",
            changeset_id=changeset_id,
            tables=tables,
            keys=keys,
            bases=bases,
            news=news,
            who=who,
            reason=reason,
            now=now,
        )

    def rejected_fingerprints(self, keys: Sequence[str] | None = None) -> frozenset[Fingerprint]:
        """What was rejected before, of these keys or at all."""
        rows = self._rows("rejected", keys=None if keys is None else list(keys))
        return frozenset((row["table_name"], row["record_id"], row["base_hash"], row["new_hash"]) for row in rows)


def proposal(table: Table | str, key: str, base_hash: str | None, new_hash: str | None) -> Fingerprint:
    """What a proposal is remembered by."""
    return (str(table), key, base_hash or "", new_hash or "")


def _mirrored(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "recorded_at": record.timestamp,
        "changeset_id": record.changeset_id,
        "diff_type": str(record.diff_type),
        "table_name": record.table and str(record.table),
        "record_id": record.key,
        "base_hash": record.base_hash,
        "new_hash": record.new_hash,
        "change_class": record.change_class and str(record.change_class),
        "risk": str(record.risk),
        "status": str(record.status),
        "version": record.version,
        "not_before": record.not_before,
    }


def _texts(statuses: Sequence[Status] | None) -> list[str] | None:
    return None if statuses is None else [str(status) for status in statuses]

"""The bank master's records without DynamoDB and S3, for times that leave both out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from batch_platform.zengin.model import Record, Status


class InMemory:
    """As `store.records.RecordStore`, for one worker."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._rows: dict[str, pl.DataFrame] = {}

    def put_new(self, records: Any) -> int:
        found = {record.id: record for record in records}
        self._records = {**found, **self._records}
        return len(found)

    def put_bulk(self, record: Record, rows: pl.DataFrame) -> Record:
        self._rows[record.id] = rows
        self.put_new([record])
        return self._records[record.id]

    def rows(self, record: Record, schema: Any) -> pl.DataFrame:  # noqa: ARG002 (as the real one)
        return self._rows[record.id]

    def get(self, record_id: str) -> Record:
        return self._records[record_id]

    def get_many(self, keys: Any) -> list[Record]:
        return [self._records[one] for one, _ in keys if one in self._records]

    def all_by_status(self, status: Status, **_: Any) -> Iterator[Record]:
        return (record for record in list(self._records.values()) if record.status is status)

    def move_many(self, records: Any, to: Status, *, now: datetime, fields: Any = None) -> Any:
        moved = []
        for record in records:
            changes = fields(record) if callable(fields) else fields or {}
            one = replace(record, **{**changes, "status": to, "version": record.version + 1, "updated_at": now})
            self._records[one.id] = one
            moved.append(one)
        return _Moved(tuple(moved))

    def amend_many(self, records: Any, *, now: datetime, fields: Any) -> Any:
        return _Moved(
            tuple(
                one
                for record in records
                for one in self.move_many([record], record.status, now=now, fields=fields).records
            )
        )


class _Moved:
    def __init__(self, records: tuple[Record, ...]) -> None:
        self.records = records
        self.lost: tuple[str, ...] = ()

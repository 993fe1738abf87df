"""Records and changesets for readers, a page at a time. A cursor is opaque: hand back what was given."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import polars as pl

from batch_platform.core import cursors
from batch_platform.zengin.model import Changeset, ChangesetStatus, Record, Status
from batch_platform.zengin.service.context import ZenginContext
from batch_platform.zengin.service.rows import changes_of_records
from batch_platform.zengin.service.snapshot import IngestCheck, no_snapshot


def record(context: ZenginContext, record_id: str) -> Record:
    """One record, read consistently. Raises `NotFound`."""
    return context.records.get(record_id)


def records(
    context: ZenginContext, status: Status, *, limit: int = 50, cursor: str | None = None
) -> tuple[list[Record], str | None]:
    """The records of a status, newest first, and the cursor of the next page."""
    return context.records.by_status(status, cursor=cursor, limit=limit, now=context.clock())


def records_of(context: ZenginContext, changeset_id: str) -> list[Record]:
    """Every record of a changeset, by table and key."""
    with context.store.snapshot() as session:
        keys = session.record_keys(changeset_id)
    return context.records.get_many(keys)


def changes_of(context: ZenginContext, changeset_id: str) -> pl.DataFrame:
    """Every row a changeset changes (`RECORD_SCHEMA`), those of bulk records too; empty while it is held."""
    return changes_of_records(context, records_of(context, changeset_id))


def changeset(context: ZenginContext, changeset_id: str) -> Changeset:
    """Raises `NotFound`."""
    with context.store.snapshot() as session:
        return session.changeset(changeset_id)


def failed_checks(context: ZenginContext, changeset: Changeset) -> list[IngestCheck]:
    """What the snapshot of a changeset failed on the way in; nothing for an undoing, which has no snapshot."""
    with context.store.snapshot() as session:
        snapshot = None if changeset.inverse_of else session.snapshot(changeset.snapshot_hash)
    checks = [IngestCheck.of_stored(check) for check in (snapshot.checks if snapshot else ())]
    return [check for check in checks if not check.passed]


def changesets(
    context: ZenginContext, status: ChangesetStatus | None = None, *, limit: int = 50, cursor: str | None = None
) -> tuple[list[Changeset], str | None]:
    """Changesets, newest first, and the cursor of the next page."""
    statuses = None if status is None else [status]
    place = cursors.decode(cursor, at=datetime, id=str)
    before = (place["at"], place["id"]) if place else None
    with context.store.snapshot() as session:
        rows = session.changesets(statuses=statuses, before=before, limit=limit + 1)
    return cursors.cut(rows, limit, lambda changeset: {"at": changeset.created_at, "id": changeset.id})


def history_of(
    context: ZenginContext,
    *,
    changeset_id: str | None = None,
    key: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """Applied changes, newest first: of a changeset, of a key ("0001" or "0001-001"), or all."""
    before = cursors.decode(cursor, id=int).get("id")
    with context.store.snapshot() as session:
        rows = session.history_page(changeset_id=changeset_id, key=key, before=before, limit=limit + 1)
    return cursors.cut(rows, limit, lambda row: {"id": row["id"]})


def snapshot_day(context: ZenginContext, day: date | None = None) -> date:
    """The business date of the newest snapshot, of a day or at all. Raises `NotFound` when there is none."""
    with context.store.snapshot() as session:
        snapshot = session.newest_snapshot(day)
    if snapshot is None:
        raise no_snapshot(day)
    return snapshot.business_date

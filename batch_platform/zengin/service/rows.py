"""The rows that records propose, wherever they lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from batch_platform.zengin.model import RECORD_SCHEMA, DiffType, Record
from batch_platform.zengin.records import make_bulk_record, make_records, rows_of_records, with_id

if TYPE_CHECKING:
    from batch_platform.zengin.model import Changeset
    from batch_platform.zengin.service.context import ZenginContext
    from batch_platform.zengin.store.snapshots import SnapshotRow


def changes_of_records(context: ZenginContext, records: Sequence[Record]) -> pl.DataFrame:
    """The rows that records propose (`RECORD_SCHEMA`), each with the id of its record."""
    bulk = [record for record in records if record.diff_type is DiffType.BULK_UPDATE]
    single = [record for record in records if record.diff_type is not DiffType.BULK_UPDATE]
    return pl.concat([rows_of_records(single), *(context.records.rows(record, RECORD_SCHEMA) for record in bulk)])


def raise_records(
    context: ZenginContext,
    changes: pl.DataFrame,
    banks: pl.DataFrame,
    changeset: Changeset,
    *,
    snapshot: SnapshotRow | None,
    bulk: bool,
) -> list[Record]:
    """Store a record a change, or one for all of them (`bulk`); the records as they stand.

    A killed run, or an approver, may have stored or moved some of them before. `snapshot` is None for an undoing.
    """
    about = snapshot and {"source": snapshot.provenance.source, "sourceVersion": snapshot.provenance.version}
    common: dict[str, Any] = {
        "changeset_id": changeset.id,
        "business_date": changeset.business_date,
        "snapshot_hash": snapshot.id if snapshot else changeset.id,
        "timestamp": snapshot.provenance.received_at if snapshot else changeset.created_at,
        "metadata": about or {"source": f"undoes {changeset.inverse_of}"},
    }
    if changes.is_empty():
        return []
    if bulk:
        record = make_bulk_record(changes, base_content_hash=changeset.base_content_hash, **common)
        return [context.records.put_bulk(record, with_id(changes, record.id))]
    records = make_records(changes, banks, **common)
    context.records.put_new(records)
    return context.records.get_many((record.id, record.timestamp) for record in records)

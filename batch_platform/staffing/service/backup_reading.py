"""Looking at backups: nights with their newest proofs, one with all of them. It needs neither keys nor buckets."""

from __future__ import annotations

from datetime import date

from batch_platform.core import cursors
from batch_platform.core.failures import NotFound
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.store.statements import Row


def nights(context: StaffingContext, *, limit: int, cursor: str | None = None) -> tuple[list[Row], str | None]:
    """A page of nights, newest first, each with its newest proof, and the cursor of the next page."""
    before = cursors.decode(cursor, before=date).get("before")
    with context.store.snapshot() as session:
        rows = session.backups_page(before=before, limit=limit + 1)
    return cursors.cut(rows, limit, lambda row: {"before": row["night"]})


def night(context: StaffingContext, day: date) -> tuple[Row, list[Row]]:
    """A night and its proofs, newest first. Raises `NotFound`."""
    with context.store.snapshot() as session:
        row = session.backup(day)
        proofs = session.proofs_of_backup(day)
    if row is None:
        raise NotFound("no-backup", "there is no backup of {night}", night=day, field="night")
    return row, proofs

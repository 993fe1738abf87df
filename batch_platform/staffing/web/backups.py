"""Backups by night with their newest proofs, listed alike by API and console."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from batch_platform.kit.lists import List, NoFilters, paged
from batch_platform.staffing.model import BackupState, FaultKind
from batch_platform.staffing.service import backup_reading
from batch_platform.web.api.answers import Digits, From, SnakeAnswer
from batch_platform.web.api.strict import IsoDate


class FaultAnswer(SnakeAnswer):
    """Something wrong with a backup: with what, at which site (empty: everywhere), in a sentence.

    `text_id` is what `text` is about, stable between releases; null where only a sentence is known.
    """

    kind: FaultKind
    subject: str
    text: str
    text_id: Annotated[str | None, From("message.id")] = None
    site: str


class BackupAnswer(SnakeAnswer):
    """A night. `bytes` are encrypted; `faults` are those of the newest proof, null before the first one."""

    night: IsoDate
    state: BackupState
    attempt: int
    tables: int | None
    rows: int | None
    files: int | None
    bytes: int | None
    missing_files: int | None
    started_at: datetime
    stored_at: datetime | None
    verified_at: datetime | None
    deleted_at: datetime | None
    proved_at: datetime | None
    proof_seconds: Digits | None
    proof_site: str | None
    amcheck: str | None
    faults: list[FaultAnswer] | None
    error: str | None


BACKUPS: Final = List(
    filters=NoFilters,
    read=paged(backup_reading.nights),
    row=BackupAnswer,
    columns={"night": "night", "state": "state", "rows": "rows", "verified": "verified_at"},
    empty="no backups",
    path="/backups",
    name="list_backups",
    doc="Backups by night, the newest first, each with its newest proof.",
)

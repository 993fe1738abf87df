"""Backups by night with their newest proofs, listed alike by API and console."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from batch_platform.kit.lists import List, NoFilters, Paging
from batch_platform.staffing.model import BackupState, FaultKind
from batch_platform.staffing.service import StaffingContext, backup_reading
from batch_platform.staffing.web.invoice_schemas import Row
from batch_platform.web.api.strict import IsoDate, StrictModel


class FaultAnswer(StrictModel):
    """Something wrong with a backup: with what, at which site (empty: everywhere), in a sentence."""

    kind: FaultKind
    subject: str
    text: str
    site: str


class BackupAnswer(StrictModel):
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
    proof_seconds: str | None
    proof_site: str | None
    amcheck: str | None
    faults: list[FaultAnswer] | None
    error: str | None

    @classmethod
    def of(cls, row: Row) -> BackupAnswer:
        seconds, faults = row["proof_seconds"], row["faults"]
        values = {
            **{name: row[name] for name in cls.model_fields},
            "state": BackupState(row["state"]),
            "proof_seconds": None if seconds is None else f"{seconds:f}",
            "faults": None if faults is None else [{**each, "kind": FaultKind(each["kind"])} for each in faults],
        }
        return cls.model_validate(values, by_name=True)


def _read(context: StaffingContext, _filters: NoFilters, paging: Paging) -> tuple[list[Row], str | None]:
    return backup_reading.nights(context, limit=paging.limit, cursor=paging.cursor)


BACKUPS: Final[List[StaffingContext, NoFilters, Any]] = List(
    filters=NoFilters,
    read=_read,
    row=BackupAnswer,
    of=BackupAnswer.of,
    columns={"night": "night", "state": "state", "rows": "rows", "verified": "verified_at"},
    empty="no backups",
)

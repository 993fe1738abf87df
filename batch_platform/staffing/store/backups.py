"""Nights and their proofs."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from batch_platform.core.messages import to_json
from batch_platform.staffing.model import BackupFault, BackupManifest, BackupProof, BackupState, KeptBackup
from batch_platform.staffing.store.statements import Row, StaffingStatements


class Backups(StaffingStatements):
    """Whoever works on a night holds its lease; a write of an attempt that is over changes nothing and says so."""

    def begin_backup(
        self, night: date, seen: Row | None, *, worker: str, until: datetime, now: datetime
    ) -> int | None:
        """A new attempt after the one that was seen; its number, or None when somebody else was first."""
        rows = self._rows(
            "begin_backup",
            night=night,
            worker=worker,
            until=until,
            now=now,
            seen=seen and seen["attempt"],
            state=seen and seen["state"],
        )
        return rows[0]["attempt"] if rows else None

    def lease_backup(self, seen: Row, *, worker: str, until: datetime) -> bool:
        """Take the backup that was seen, its attempt going on."""
        return bool(
            self._run(
                "lease_backup",
                night=seen["night"],
                attempt=seen["attempt"],
                seen=seen["worker"],
                worker=worker,
                until=until,
            )
        )

    def renew_backup(self, night: date, attempt: int, *, worker: str, until: datetime) -> bool:
        return bool(self._run("renew_backup", night=night, attempt=attempt, worker=worker, until=until))

    def release_backup(self, night: date, attempt: int, *, worker: str) -> None:
        self._run("release_backup", night=night, attempt=attempt, worker=worker)

    def store_backup(self, manifest: BackupManifest, manifest_sha256: str, *, worker: str, now: datetime) -> bool:
        """All of it is in the bucket."""
        return bool(self._run("store_backup", worker=worker, now=now, **_stored(manifest, manifest_sha256)))

    def adopt_backup(self, manifest: BackupManifest, manifest_sha256: str, *, now: datetime) -> bool:
        """The backup out of which this database was restored is known as a stored one."""
        return bool(self._run("adopt_backup", now=now, **_stored(manifest, manifest_sha256)))

    def fail_backup(self, night: date, attempt: int, *, worker: str, error: str) -> None:
        self._run("fail_backup", night=night, attempt=attempt, worker=worker, error=error)

    def add_proof(self, proof: BackupProof) -> None:
        """What the proof found; the backup is verified or failed by it."""
        values = asdict(proof) | {"passed": proof.passed, "faults": Jsonb([_fault(fault) for fault in proof.faults])}
        self._run("add_backup_proof", **values)
        error = "; ".join(fault.text for fault in proof.faults[:3]) or None
        self._run(
            "settle_backup", night=proof.night, attempt=proof.attempt, passed=proof.passed, at=proof.at, error=error
        )

    def delete_backup(self, night: date, *, now: datetime) -> None:
        self._run("delete_backup", night=night, now=now)

    def backup(self, night: date) -> Row | None:
        rows = self._rows("backup", night=night)
        return rows[0] if rows else None

    def newest_backup(self) -> Row | None:
        """The newest one whose objects were stored."""
        rows = self._rows("newest_backup")
        return rows[0] if rows else None

    def backups_for_retention(self) -> list[KeptBackup]:
        return [KeptBackup(row["night"], BackupState(row["state"])) for row in self._rows("backup_states")]

    def backups_page(self, *, before: date | None, limit: int) -> list[Row]:
        """Newest first, each with its newest proof."""
        return self._rows("backups_page", before=before, limit=limit)

    def proofs_of_backup(self, night: date) -> list[Row]:
        """Newest first."""
        return self._rows("proofs_of_backup", night=night)

    def backup_with_object(self, sha256: str, night: date) -> date | None:
        """The newest other night in which an object of these bytes was stored."""
        rows = self._rows("backup_with_object", sha256=sha256, night=night)
        return rows[0]["night"] if rows else None

    def keys_of_files(self) -> list[str]:
        """Files that ought to be in the bucket, in the order of their keys."""
        return [row["object_key"] for row in self._rows("keys_of_files")]

    def database_size(self) -> int:
        """In bytes."""
        return int(self._value("database_size"))


def _stored(manifest: BackupManifest, manifest_sha256: str) -> dict[str, Any]:
    return {
        "night": manifest.night,
        "attempt": manifest.attempt,
        "manifest_sha256": manifest_sha256,
        "objects": Jsonb({name: asdict(stored) for name, stored in manifest.objects.items()}),
        "tables": len(manifest.contents.tables),
        "rows": manifest.contents.rows,
        "files": manifest.files.count,
        "bytes": manifest.bytes,
        "missing_files": manifest.files.missing_count,
    }


def _fault(fault: BackupFault) -> Row:
    """With its sentence and the message of that: id, text, parameters."""
    return asdict(fault) | {"message": json.loads(to_json(fault.text))}

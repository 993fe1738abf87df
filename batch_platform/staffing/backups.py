"""What a backup consists of, what a proof compares, and which backups may go: no I/O.

A backup is of one night, the Tokyo day on which it is taken. Its objects lie together under `folder`:

    database.dump.age   pg_dump's custom format of the whole database, encrypted by age
    files.tar.age       all objects of the files' bucket as a POSIX tar, encrypted by age
    manifest.json       what they must be and what the restored database must hold; written last
    proof.json          when it was proved, and with which findings
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

from batch_platform.core.messages import Message
from batch_platform.staffing.model import (
    BackedUpFiles,
    BackupFault,
    BackupManifest,
    BackupObject,
    BackupProof,
    BackupState,
    DatabaseContents,
    FaultKind,
    KeptBackup,
    SequenceState,
    TableSum,
)

DATABASE: Final = "database.dump.age"
FILES: Final = "files.tar.age"
MANIFEST: Final = "manifest.json"
PROOF: Final = "proof.json"
OBJECTS: Final = (DATABASE, FILES)

AGE_HEADER: Final = b"age-encryption.org/v1\n"
KEPT: Final = timedelta(days=30)
"""Backups of older nights may go."""

_FOLDER: Final = "backups"
_NAMED: Final = 5
"""So many things of one kind are named by a fault."""


@dataclass
class FilesDigest:
    """Sums up files as they come, in the order of their keys."""

    count: int = 0
    bytes: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, key: str, size: int, sha256: str) -> None:
        self.count += 1
        self.bytes += size
        self._hash.update(f"{sha256} {size} {key}\n".encode())

    def files(self, missing: tuple[str, ...] = (), missing_count: int = 0) -> BackedUpFiles:
        return BackedUpFiles(self.count, self.bytes, self._hash.hexdigest(), missing, missing_count)


def folder(night: date, attempt: int) -> str:
    """Where the objects of an attempt lie; each attempt has its own, so that a late worker overwrites nothing."""
    return f"{nights_folder(night)}{attempt:04d}/"


def nights_folder(night: date | None = None) -> str:
    """Where the attempts of a night lie, or all nights."""
    return f"{_FOLDER}/" if night is None else f"{_FOLDER}/{night.isoformat()}/"


def fingerprint(recipient: str) -> str:
    """Of a public key: enough to tell which one it is."""
    return hashlib.sha256(recipient.encode()).hexdigest()[:16]


def write(manifest: BackupManifest) -> bytes:
    """The same manifest is the same bytes."""
    written = json.dumps(asdict(manifest), default=str, sort_keys=True, ensure_ascii=False, indent=1)
    return written.encode()


def read(data: bytes) -> BackupManifest:
    """Raises `ValueError` for what is no manifest of this format."""
    try:
        given = json.loads(data)
        if given.pop("format") != 1:
            raise ValueError("another format")
        contents = given["contents"]
        return BackupManifest(
            **given
            | {
                "night": date.fromisoformat(given["night"]),
                "taken_at": datetime.fromisoformat(given["taken_at"]),
                "recipients": tuple(given["recipients"]),
                "objects": {name: BackupObject(**value) for name, value in given["objects"].items()},
                "files": BackedUpFiles(**given["files"] | {"missing": tuple(given["files"]["missing"])}),
                "contents": DatabaseContents(
                    {name: TableSum(**value) for name, value in contents["tables"].items()},
                    {name: SequenceState(**value) for name, value in contents["sequences"].items()},
                    contents["schema"],
                ),
            }
        )
    except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(f"no manifest: {error}") from None


def write_proof(proof: BackupProof) -> bytes:
    """As it lies beside the manifest, for whoever has lost the database."""
    return json.dumps(asdict(proof) | {"passed": proof.passed}, default=str, ensure_ascii=False, indent=1).encode()


def differences(backup: DatabaseContents, restored: DatabaseContents) -> Iterator[BackupFault]:
    """What a restored database lacks or holds otherwise. What it has beside is told by its schema."""
    for name, table in backup.tables.items():
        other = restored.tables.get(name)
        if other is None:
            yield BackupFault(
                FaultKind.TABLE_MISSING,
                name,
                Message("fault-table-missing", "table {table} is not in the restored database", table=name),
            )
        elif other.rows != table.rows:
            yield BackupFault(
                FaultKind.ROWS,
                name,
                Message(
                    "fault-rows",
                    "table {table} has {restored} rows, not {recorded}",
                    table=name,
                    restored=other.rows,
                    recorded=table.rows,
                ),
            )
        elif other.sum != table.sum:
            yield BackupFault(
                FaultKind.VALUES,
                name,
                Message("fault-values", "table {table} holds other values than the backed up one", table=name),
            )
    for name, sequence in backup.sequences.items():
        if name in restored.sequences and _is_behind(restored.sequences[name], sequence):
            last = restored.sequences[name].last
            yield BackupFault(
                FaultKind.SEQUENCE,
                name,
                Message(
                    "fault-sequence",
                    "sequence {sequence} stands at {last}, before {recorded}",
                    sequence=name,
                    last=str(last),
                    recorded=str(sequence.last),
                ),
            )
    changed = sorted(
        name for name in {*backup.schema, *restored.schema} if backup.schema.get(name) != restored.schema.get(name)
    )
    if changed:
        text = Message(
            "fault-schema", "definitions differ ({count}): {named}", count=len(changed), named=changed[:_NAMED]
        )
        yield BackupFault(FaultKind.SCHEMA, changed[0], text)


def _is_behind(restored: SequenceState, sequence: SequenceState) -> bool:
    """Sequences stand outside a snapshot: the dump may hold a later number, never an earlier one."""
    if sequence.last is None:
        return False
    if restored.last is None:
        return True
    return (restored.last - sequence.last) * (1 if sequence.step > 0 else -1) < 0


def expired(backups: Iterable[KeptBackup], tonight: date, *, keep: int) -> list[date]:
    """Nights whose backups may go, oldest first: older than 30 days, and not among the newest `keep` verified ones.

    While tonight's is not verified nothing goes.
    """
    every = sorted(
        (backup for backup in backups if backup.state is not BackupState.DELETED), key=lambda backup: backup.night
    )
    verified = [backup.night for backup in every if backup.state is BackupState.VERIFIED]
    if tonight not in verified:
        return []
    newest = set(verified[-keep:])
    return [backup.night for backup in every if backup.night < tonight - KEPT and backup.night not in newest]

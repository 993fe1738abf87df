"""What staffing's things are: frozen values and their states; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class BackupState(StrEnum):
    """running -> stored -> verified, or failed; deleted by retention. A failed night is begun again."""

    RUNNING = "running"
    STORED = "stored"
    VERIFIED = "verified"
    FAILED = "failed"
    DELETED = "deleted"


class FaultKind(StrEnum):
    """What may be wrong with a stored backup."""

    MISSING = "missing-object"
    MANIFEST = "manifest-replaced"
    OLDER = "older-snapshot"
    CUT = "cut-object"
    ALTERED = "altered-object"
    PLAINTEXT = "plaintext-object"
    WRONG_KEY = "wrong-key"
    ANY_KEY = "opens-with-any-key"
    UNREADABLE = "unreadable-object"
    NOT_RESTORED = "not-restored"
    TABLE_MISSING = "missing-table"
    ROWS = "missing-rows"
    VALUES = "different-values"
    SEQUENCE = "sequence-behind"
    SCHEMA = "different-schema"
    FILES = "different-files"
    INDEX = "damaged-index"


@dataclass(frozen=True)
class BackupFault:
    """Something wrong: at which site (empty: everywhere), with what, in a sentence."""

    kind: FaultKind
    subject: str
    text: str
    site: str = ""


@dataclass(frozen=True)
class BackupObject:
    """An object as it was written: hash of the ciphertext, length in bytes."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class TableSum:
    """Rows of a table, and the sum of their texts' 64-bit hashes, as digits."""

    rows: int
    sum: str


@dataclass(frozen=True)
class SequenceState:
    """Where a sequence stands, None before its first number, and by how much it steps."""

    last: int | None
    step: int


@dataclass(frozen=True)
class DatabaseContents:
    """What a database holds, by qualified names. `schema`: a digest of each object's definition."""

    tables: Mapping[str, TableSum]
    sequences: Mapping[str, SequenceState]
    schema: Mapping[str, str]

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables.values())


@dataclass(frozen=True)
class BackedUpFiles:
    """Files of a backup: how many, their bytes, and the SHA-256 of a line each, `sha256 bytes key`, in key order."""

    count: int
    bytes: int
    sha256: str
    missing: tuple[str, ...] = ()
    """Keys of rows without an object, the first ones."""
    missing_count: int = 0


@dataclass(frozen=True, kw_only=True)
class BackupManifest:
    """What a backup must be. `recipients` are fingerprints of the public keys that it is encrypted to."""

    night: date
    attempt: int
    environment: str
    database: str
    server_version: str
    migration: str | None
    taken_at: datetime
    recipients: tuple[str, ...]
    objects: Mapping[str, BackupObject]
    contents: DatabaseContents
    files: BackedUpFiles
    format: int = 1

    @property
    def bytes(self) -> int:
        """Of all objects, encrypted."""
        return sum(stored.bytes for stored in self.objects.values())


@dataclass(frozen=True)
class BackupProof:
    """What a proof found. `amcheck`: how many indexes it looked at, or why it was not run."""

    night: date
    attempt: int
    site: str
    at: datetime
    seconds: float
    faults: tuple[BackupFault, ...]
    tables: int = 0
    rows: int = 0
    files: int = 0
    amcheck: str = ""

    @property
    def passed(self) -> bool:
        return not self.faults


@dataclass(frozen=True)
class KeptBackup:
    """A backup as retention sees it."""

    night: date
    state: BackupState


class InvoiceKind(StrEnum):
    """An invoice (適格請求書), or what takes one back (適格返還請求書)."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


class InvoiceState(StrEnum):
    """waiting_for_usage | nothing_due | failed <-> draft -> issued -> void.

    Until it is issued an invoice is made anew by each run of its month. `failed` is a dead letter that says why.
    """

    WAITING_FOR_USAGE = "waiting_for_usage"
    NOTHING_DUE = "nothing_due"
    DRAFT = "draft"
    FAILED = "failed"
    ISSUED = "issued"
    VOID = "void"

"""What staffing's things are: frozen values and their states; no I/O. Ids are as they were given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from batch_platform.core.messages import Message

Id = int | str


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
    text: Message
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


@dataclass(frozen=True)
class Status:
    """Of an engineer on a day. `reason`: hold, none, soon or working; `until`: last day of the hold or the chain."""

    engineer_id: Id
    status: str
    reason: str
    until: date | None


@dataclass(frozen=True)
class Change:
    """A row of a day: revision 0 as known, against the day before; higher ones against what stood of the day.

    A status that is None: nobody of that id is there.
    """

    engineer_id: Id
    revision: int
    previous: str | None
    status: str | None
    reason: str | None
    until: date | None


@dataclass(frozen=True)
class Transition:
    """How many engineers went from one status to another, or stayed."""

    previous: str | None
    status: str | None
    engineers: int


@dataclass(frozen=True)
class Written:
    """What a run did, or would do, of a day.

    `is_new`: it wrote the day as known, and `transitions` are those since the day before; else they are from what
    stood to what newest facts say. `corrections` are rows.
    """

    day: date
    is_new: bool
    transitions: Sequence[Transition]
    corrections: int

    @property
    def engineers(self) -> int:
        """All who have a status."""
        return sum(each.engineers for each in self.transitions if each.status is not None)

    @property
    def changed(self) -> int:
        """Those whose status is another than before."""
        return sum(each.engineers for each in self.transitions if each.status != each.previous)

    @property
    def counts(self) -> dict[str, int]:
        """Engineers by status."""
        totals: dict[str, int] = {}
        for each in self.transitions:
            if each.status is not None:
                totals[each.status] = totals.get(each.status, 0) + each.engineers
        return dict(sorted(totals.items()))


@dataclass(frozen=True)
class CompanyUsage:
    """Of a company on a day: totals and storage (MiB, two decimals) as of its end, the others within it."""

    company_id: Id
    date: date
    total_users: int
    total_engineers: int
    active_users: int
    active_engineers: int
    approach_count: int
    email_sent_count: int
    login_count: int
    storage_usage_mb: Decimal
    api_call_count: int
    feature_usage: Mapping[str, int]


@dataclass(frozen=True)
class Aggregated:
    """How many rows of a day a run has made, changed or removed, or would; by table."""

    date: date
    company_usage: int
    system_stats: int
    engineer_activity: int
    approach_metrics: int


@dataclass(frozen=True)
class Finding:
    """`subject`: the company or the user; `since`: the contracts' last day, the last sign-in or the account's making;
    None where neither is known."""

    kind: Literal["contract_ended", "no_sign_in"]
    subject: Id
    company_id: Id
    company: str | None
    since: date | None
    found_on: date

    @property
    def message(self) -> Message:
        """What people read."""
        company, user = self.company or str(self.company_id), str(self.subject)
        if self.kind == "contract_ended":
            return Message(
                "account-contract-ended",
                "company {company}: its contracts ended on {day}, and it is not closed",
                company=company,
                day=self.since or self.found_on,
            )
        if self.since is None:
            return Message(
                "account-never-used", "user {user} of {company} has never signed in", user=user, company=company
            )
        return Message(
            "account-unused",
            "user {user} of {company} has not signed in since {day}",
            user=user,
            company=company,
            day=self.since,
        )


class ReportKind(StrEnum):
    """A company's own report, or one of those for operators."""

    COMPANY = "company"
    SYSTEM = "system"
    ENGINEER_ACTIVITY = "engineer-activity"
    REVENUE = "revenue"


class ReportState(StrEnum):
    """Whether all of the month is in it: `incomplete` is not mailed, `failed` is a dead letter without a PDF."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"

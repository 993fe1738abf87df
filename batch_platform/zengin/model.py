"""Values and states of the zengin domain. No I/O, no clock.

Codes are text with leading zeros everywhere. A row is compared and stored exactly as its source wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

import polars as pl

from batch_platform.core.caller import person
from batch_platform.core.clock import BUSINESS_ZONE
from batch_platform.core.failures import Conflict, InvalidInput

FIRST_DAY: Final = date(2016, 4, 1)
"""The first business date."""

BANK_COLUMNS: Final = ("bank_code", "bank_name", "bank_kana", "bank_hira", "bank_roma")
BRANCH_COLUMNS: Final = ("bank_code", "branch_code", "branch_name", "branch_kana", "branch_hira", "branch_roma")
BANK_SCHEMA: Final = dict.fromkeys(BANK_COLUMNS, pl.String())
BRANCH_SCHEMA: Final = dict.fromkeys(BRANCH_COLUMNS, pl.String())

VALUES: Final = ("name", "kana", "hira", "roma")
"""What a row says besides its key; the column of a table is `bank_` or `branch_` + one of these."""
ROW: Final = pl.Struct(dict.fromkeys(VALUES, pl.String()))

CHANGE_SCHEMA: Final = {
    "table": pl.String(),
    "key": pl.String(),
    "bank_code": pl.String(),
    "branch_code": pl.String(),
    "diff_type": pl.String(),
    "old": ROW,
    "new": ROW,
    "base_hash": pl.String(),
    "new_hash": pl.String(),
}
"""A frame of changes, one a row. `table` of `Table`, `key` "0001" or "0001-001", `branch_code` null for banks,
`diff_type` addition, update or deletion; `old` and `base_hash` null for additions, `new` and `new_hash` for
deletions."""

CLASSIFIED_SCHEMA: Final = {
    **CHANGE_SCHEMA,
    **dict.fromkeys(("change_class", "risk", "reason", "message"), pl.String()),
}
"""`CHANGE_SCHEMA` with what `classify` says of each change; `reason` is one English sentence, `message` its JSON."""

RECORD_SCHEMA: Final = {"diff_id": pl.String(), **CLASSIFIED_SCHEMA}
"""Classified changes with the record that carries each: what is applied. A bulk record carries many rows."""


class Table(StrEnum):
    """The two tables of the master."""

    BANKS = "banks"
    BRANCHES = "branches"


class DiffType(StrEnum):
    """What a record does to a row; `bulk_update` is a record whose rows lie in S3."""

    ADDITION = "addition"
    UPDATE = "update"
    DELETION = "deletion"
    BULK_UPDATE = "bulk_update"


class ChangeClass(StrEnum):
    """What a change means to a person who reviews it; their order is that of lists, the riskiest first."""

    BANK_CLOSED = "bank_closed"
    BANK_NEW = "bank_new"
    REUSE = "reuse"
    MERGER = "merger"
    MOVED = "moved"
    RECODE = "recode"
    CLOSED = "closed"
    RENAME = "rename"
    NEW = "new"
    KANA = "kana"
    ORTHOGRAPHY = "orthography"


class Risk(StrEnum):
    """What a wrong approval would cost: high sends money to the wrong place, medium makes a transfer fail."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Verdict(StrEnum):
    """What the brake says of a snapshot."""

    ACCEPTED = "accepted"
    HELD = "held"
    NOOP = "noop"


class HoldReason(StrEnum):
    """Why a snapshot is held: each but `regression` and `inverse` is a brake in the narrow sense."""

    REGRESSION = "regression"
    INVERSE = "inverse"
    BRAKE = "brake"
    TRUNCATION = "truncation"
    BOOTSTRAP = "bootstrap"


class Status(StrEnum):
    """The states of a record."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    EXECUTING = "executing"
    COMPLETED = "completed"
    FAILED = "failed"


class ChangesetStatus(StrEnum):
    """The states of a changeset. A no-op is `applied` from the start: there is nothing to do."""

    HELD = "held"
    PENDING = "pending"
    APPROVED = "approved"
    PARTIALLY_APPLIED = "partially_applied"
    APPLIED = "applied"
    REJECTED = "rejected"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"
    REVERSED = "reversed"


OPEN: Final = frozenset({Status.PENDING, Status.APPROVED, Status.EXECUTING, Status.FAILED})
TERMINAL: Final = frozenset({Status.REJECTED, Status.EXPIRED, Status.COMPLETED})
"""States nothing leaves: the record's `ttl` is set when it enters one."""

TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset({Status.APPROVED, Status.REJECTED, Status.EXPIRED}),
    Status.APPROVED: frozenset({Status.EXECUTING, Status.PENDING, Status.EXPIRED}),
    Status.EXECUTING: frozenset({Status.COMPLETED, Status.FAILED, Status.APPROVED}),
    # A failed one is tried again, or a newer snapshot has overtaken it.
    Status.FAILED: frozenset({Status.APPROVED, Status.EXPIRED}),
    Status.REJECTED: frozenset(),
    Status.EXPIRED: frozenset(),
    Status.COMPLETED: frozenset(),
}

_ENDS: Final = frozenset({ChangesetStatus.REJECTED, ChangesetStatus.SUPERSEDED, ChangesetStatus.EXPIRED})
_APPLIED: Final = frozenset({ChangesetStatus.PARTIALLY_APPLIED, ChangesetStatus.APPLIED})
CHANGESET_TRANSITIONS: Final[Mapping[ChangesetStatus, frozenset[ChangesetStatus]]] = {
    ChangesetStatus.HELD: _ENDS | {ChangesetStatus.PENDING, ChangesetStatus.APPLIED},  # overridden; nothing is left
    ChangesetStatus.PENDING: _ENDS | _APPLIED | {ChangesetStatus.APPROVED},
    ChangesetStatus.APPROVED: _ENDS | _APPLIED | {ChangesetStatus.PENDING},
    ChangesetStatus.PARTIALLY_APPLIED: frozenset({ChangesetStatus.APPLIED, ChangesetStatus.REVERSED}),
    ChangesetStatus.APPLIED: frozenset({ChangesetStatus.REVERSED}),
    ChangesetStatus.REJECTED: frozenset(),
    ChangesetStatus.SUPERSEDED: frozenset(),
    ChangesetStatus.EXPIRED: frozenset(),
    ChangesetStatus.REVERSED: frozenset(),
}


def check(status: Status, to: Status) -> None:
    """Conflict unless a record may go from `status` to `to`."""
    if to not in TRANSITIONS[status]:
        raise Conflict(
            "record-transition", "A record that is {status} cannot become {to}.", status=status, to=to, field="status"
        )


def check_changeset(status: ChangesetStatus, to: ChangesetStatus) -> None:
    """Conflict unless a changeset may go from `status` to `to`."""
    if to not in CHANGESET_TRANSITIONS[status]:
        raise Conflict(
            "changeset-transition",
            "A changeset that is {status} cannot become {to}.",
            status=status,
            to=to,
            field="status",
        )


@dataclass(frozen=True)
class Limits:
    """The knobs of the domain. Percentages are whole and of the master's rows before the change."""

    bank_additions_percent: int = 3
    bank_updates_percent: int = 5
    bank_deletions_percent: int = 3
    branch_additions_percent: int = 2
    branch_updates_percent: int = 2
    branch_deletions_percent: int = 2
    truncation_banks: int = 2
    truncation_branches: int = 5
    """So many rows missing at the very end of the code order are a file cut off: ten years of releases have none."""
    inverse_changes: int = 5
    inverse_days: int = 120
    bulk_rows: int = 2000
    """More rows than this make one `bulk_update` record."""
    two_person_rows: int = 500
    """Approving more rows than this at once needs two accounts."""
    inline_bytes: int = 350 * 1024
    error_bytes: int = 4 * 1024
    pending_days: int = 90
    ttl_days: int = 90
    history_days: int = 365
    lease_seconds: int = 900
    stale_source_days: int = 100
    """Real releases lay up to 78 days apart."""

    def percent(self, table: Table, diff_type: DiffType) -> int:
        """The share of the table's rows beyond which `diff_type` is held."""
        verb = {DiffType.ADDITION: "additions", DiffType.UPDATE: "updates", DiffType.DELETION: "deletions"}[diff_type]
        noun = "bank" if table is Table.BANKS else "branch"
        value: int = getattr(self, f"{noun}_{verb}_percent")
        return value


@dataclass(frozen=True)
class Provenance:
    """Where a snapshot came from. `sha256` is of the bytes received, `content_hash` of the rows they hold."""

    source: str
    version: str
    sha256: str
    content_hash: str
    received_at: datetime


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The whole master as one source knew it: frames of `BANK_SCHEMA` and `BRANCH_SCHEMA`, sorted by key.

    `orphans` are the codes of banks that left branches behind (not in `branches`).
    """

    banks: pl.DataFrame
    branches: pl.DataFrame
    orphans: tuple[str, ...]
    provenance: Provenance


@dataclass(frozen=True)
class Approval:
    """Who said yes, and when."""

    account: str
    at: datetime


@dataclass(frozen=True)
class Quorum:
    """How many people must approve; one at least is another than `proposer`, who asked for the change."""

    needed: int
    proposer: str | None = None

    def lacking(self, approvals: Sequence[Approval]) -> int:
        """How many accounts must still approve; 0 when it is approved."""
        people = {person(given.account) for given in approvals}
        others = people - {person(self.proposer or "")}
        return max(self.needed - len(people), 0 if others else 1)


@dataclass(frozen=True)
class Change:
    """One row of a classified diff. `old` and `new` map columns of the table (key included) to text.

    `changes` maps each column that differs to {"old": …, "new": …}; empty for additions and deletions.
    """

    table: Table
    key: str
    diff_type: DiffType
    old: Mapping[str, str] | None
    new: Mapping[str, str] | None
    changes: Mapping[str, Mapping[str, str]]
    change_class: ChangeClass
    risk: Risk
    reason: str
    base_hash: str | None
    new_hash: str | None


@dataclass(frozen=True)
class Record:
    """A proposal that waits for a person: one item of `zengin-data-diff-{env}`.

    `zengin_data` is the row as proposed and `current_data` the row as it was, by column; those of a branch also
    name its bank (`bank_name`, `bank_kana`). A `bulk_update` has neither, nor a key; its rows are at
    `data_location`, its hashes those of the master it was made from and of its rows. `execution_result`,
    `data_summary` and `metadata` have the names of the spec: rowsAffected, totalRecords, sourceVersion.
    `ttl` is in seconds since 1970, `lease_until` set while executing.
    """

    id: str
    timestamp: datetime
    status: Status
    diff_type: DiffType
    changeset_id: str
    table: Table | None
    key: str | None
    zengin_data: Mapping[str, str] | None
    current_data: Mapping[str, str] | None
    changes: Mapping[str, Mapping[str, str]]
    base_hash: str | None
    new_hash: str | None
    risk: Risk
    change_class: ChangeClass | None
    reason: str
    version: int = 1
    approvals: tuple[Approval, ...] = ()
    not_before: date | None = None
    lease_until: datetime | None = None
    executed_at: datetime | None = None
    execution_result: Mapping[str, object] | None = None
    data_location: str | None = None
    data_size: int | None = None
    data_summary: Mapping[str, int] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    updated_at: datetime | None = None
    ttl: int | None = None
    error: str | None = None

    @property
    def fingerprint(self) -> str:
        """Names the proposal whatever snapshot raised it: what a rejection is remembered by."""
        return fingerprint(self.table, self.key, self.base_hash, self.new_hash)


@dataclass(frozen=True)
class Changeset:
    """All changes one snapshot proposes, and what the brake says of them.

    `counts` has the keys `rows`, `{table}.{diff_type}`, `class.{change_class}` and `risk.{risk}`, those that
    are not zero (`rows` always). `payload_hash` names the exact changes; `inverse_of` the changeset this one undoes,
    as `proposed_by` asked for.
    """

    id: str
    snapshot_hash: str
    business_date: date
    verdict: Verdict
    hold_reason: HoldReason | None
    reason: str
    counts: Mapping[str, int]
    payload_hash: str
    base_content_hash: str
    status: ChangesetStatus
    needs_approvals: int
    created_at: datetime
    version: int = 1
    approvals: tuple[Approval, ...] = ()
    inverse_of: str | None = None
    proposed_by: str | None = None

    @property
    def quorum(self) -> Quorum:
        """Who must approve each of its records, approved together."""
        return Quorum(self.needs_approvals, self.proposed_by)


def business_day(day: date | None, now: datetime, *, field: str = "date") -> date:
    """The JST business date that is asked for, or today's. Raises `InvalidInput` for one that has not come yet."""
    today = now.astimezone(BUSINESS_ZONE).date()
    day = day or today
    if not FIRST_DAY <= day <= today:
        raise InvalidInput(
            "no-business-date",
            "{day} lies outside the business dates {first} to {today}",
            day=day,
            first=FIRST_DAY,
            today=today,
            field=field,
        )
    return day


def fingerprint(table: Table | str | None, key: str | None, base_hash: str | None, new_hash: str | None) -> str:
    """The name of a proposal: table, key, row before, row after; empty text stands for what is not there."""
    return "|".join(part or "" for part in (table, key, base_hash, new_hash))


def approvals_needed(counts: Mapping[str, int], limits: Limits, *, held: bool = False) -> int:
    """How many distinct accounts must approve these changes together (`counts` as in `Changeset`).

    Two for an override of the brake, for any deletion of a bank, and for more rows than `two_person_rows`.
    """
    deletes_bank = counts.get(f"{Table.BANKS}.{DiffType.DELETION}", 0) > 0
    return 2 if held or deletes_bank or counts.get("rows", 0) > limits.two_person_rows else 1

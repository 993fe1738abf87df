"""Values and states of the finops domain. No I/O, no clock.

Money is `Decimal` at scale 12 in the currency of its row; it is rounded once, when a cell of a delivered file is
read (half-even to 12 decimals), and only added and subtracted after that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Final

import polars as pl

from batch_platform.core.messages import Message
from batch_platform.core.objects import StoredObject

MONEY: Final = pl.Decimal(38, 12)
ZERO: Final = Decimal("0.000000000000")

MEASURES: Final = (
    "unblended",
    "blended",
    "amortized",
    "net_unblended",
    "net_amortized",
    "billed",
    "list_cost",
    "true_up",
    "upfront",
)
"""The money columns of every cost table."""

REPORT_MEASURES: Final = {
    "unblended": "unblended",
    "amortized": "amortized",
    "net_unblended": "net_unblended",
    "net_amortized": "net_amortized",
    "billed": "billed",
    "list": "list_cost",
}
"""What users call a measure -> the column that holds it."""

SUMMARY_KEYS: Final = (
    "usage_date",
    "payer_account_id",
    "usage_account_id",
    "service",
    "region",
    "charge_class",
    "currency",
)
"""The grain of `finops_cost_summary`, within one project and billing month."""

SERVICE_MONTHLY_KEYS: Final = ("usage_account_id", "service", "currency")


class Format(StrEnum):
    """The layouts AWS exports; `auto` on a connection means: by what the bucket holds."""

    AUTO = "auto"
    CUR_LEGACY = "cur_legacy"
    CUR2 = "cur2"
    FOCUS = "focus"


class FileStatus(StrEnum):
    """`finops_billing_files.status`."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    DONE = "DONE"
    ERROR = "ERROR"
    SUPERSEDED = "SUPERSEDED"


class ManifestStatus(StrEnum):
    """`finops_billing_manifests.status`: WAITING until every listed file has arrived."""

    WAITING = "WAITING"
    REGISTERED = "REGISTERED"
    PUBLISHED = "PUBLISHED"
    SUPERSEDED = "SUPERSEDED"


class RestatementReason(StrEnum):
    """`finops_restatements.reason`: why money of a final month is another one."""

    REDELIVERED = "redelivered"
    CONNECTION_CHANGED = "connection_changed"


class ArchiveReason(StrEnum):
    """`finops_archives.reason`."""

    MONTH_WITHDRAWN = "month_withdrawn"
    PROJECT_REMOVED = "project_removed"


class MonthState(StrEnum):
    """`finops_months.state`."""

    OPEN = "open"
    CLOSING = "closing"
    FINAL = "final"
    RESTATED = "restated"


@dataclass(frozen=True)
class Connection:
    """Where one project's reports lie and how to reach them (`finops_project_connections`).

    `prefix` is as AWS was given it: `cur/` and `cur` are two places. `without_manifest`: only data files are there.
    """

    project_id: str
    name: str
    bucket: str
    prefix: str
    report_name: str
    region: str
    format: Format = Format.AUTO
    role_arn: str | None = None
    external_id: str | None = field(default=None, repr=False)
    account_scope: tuple[str, ...] | None = None
    enabled: bool = True
    without_manifest: bool = False

    @property
    def place(self) -> tuple[object, ...]:
        """Where deliveries lie and how they are laid out."""
        return self.bucket, self.prefix, self.report_name, self.format, self.without_manifest

    @property
    def published_from(self) -> tuple[object, ...]:
        """What published costs depend on: the place and the accounts. All else may change freely."""
        return *self.place, None if self.account_scope is None else tuple(sorted(set(self.account_scope)))

    @property
    def location(self) -> str:
        """Where the report lies, for people."""
        parts = f"{self.prefix}/{self.report_name}".split("/")
        return "/".join(["s3:/", self.bucket, *filter(None, parts)])


@dataclass(frozen=True)
class ManifestContent:
    """What a manifest says: the assembly and the object keys of one billing month, in its order."""

    assembly_id: str
    month: date
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Delivery:
    """One version of one billing month: a manifest and the objects it lists, in its order.

    Without a manifest, `manifest` stands for the listing: its folder, and an ETag made of what lies there.

    `missing` names listed keys that are not in the bucket yet: the delivery is then waiting, not wrong.
    """

    project_id: str
    month: date
    manifest: StoredObject
    assembly_id: str
    files: tuple[StoredObject, ...]
    missing: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Names the content: bucket, assembly and (key, ETag, size, LastModified) of every listed object."""
        lines = [self.manifest.bucket, self.assembly_id]
        lines += [f"{f.key}\t{f.etag}\t{f.size}\t{f.last_modified.isoformat()}" for f in self.files]
        lines += [f"{key}\tmissing" for key in self.missing]
        return sha256("\n".join(lines).encode()).hexdigest()[:16]

    @property
    def total_bytes(self) -> int:
        return sum(f.size for f in self.files)

    @property
    def delivered_at(self) -> datetime:
        """When AWS wrote the newest of its objects."""
        return max([self.manifest.last_modified, *(f.last_modified for f in self.files)])


@dataclass(frozen=True)
class RegisteredVersion:
    """The newest version of a month the tables know (`finops_billing_manifests`).

    `place` names where it was registered from. `stale`: the month has something of a former place, so that what lies
    in the present one must be read again, whatever its time.
    """

    project_id: str
    month: date
    version: str
    manifest: StoredObject
    delivered_at: datetime
    status: ManifestStatus
    first_seen_at: datetime
    place: str
    stale: bool

    def still_is(self, head: StoredObject) -> bool:
        """Whether the manifest in the bucket is the one that was registered."""
        known = self.manifest
        return (head.key, head.etag, head.last_modified) == (known.key, known.etag, known.last_modified)


@dataclass(frozen=True)
class ClaimedFile:
    """A file this worker holds until its lease runs out; `fencing` makes a late writer harmless."""

    project_id: str
    month: date
    version: str
    file_no: int
    stored: StoredObject
    fencing: int
    failures: int


@dataclass(frozen=True)
class MonthToAggregate:
    """A registered version that waits for its files to be read or its month to be published."""

    project_id: str
    month: date
    version: str
    attempts: int
    total_bytes: int


@dataclass(frozen=True)
class PublishedMonth:
    """A row of `finops_months`: what the cost tables of a month were computed from.

    `final_from`: when a closing month whose rows carry no InvoiceId is final, if nothing newer is delivered.
    `of_former_connection`: of a place or an account scope that is no longer the project's. `of_former_place`: of the
    former.
    """

    project_id: str
    month: date
    state: MonthState
    version: str
    format: Format | None
    row_count: int
    file_count: int
    delivered_at: datetime
    published_at: datetime
    checks: tuple[CheckOutcome, ...]
    final_from: datetime | None = None
    of_former_place: bool = False
    of_former_connection: bool = False


@dataclass(frozen=True)
class WithdrawnMonth:
    """A month that was published under a former connection and is not published now."""

    published: PublishedMonth
    detail: str
    withdrawn_at: datetime


@dataclass(frozen=True)
class Stamp:
    """Names the costs of a published month: equal stamps, equal costs.

    `revision` is another one each time they are replaced, which a code that computes otherwise does without a new
    version.
    """

    project_id: str
    month: date
    state: MonthState
    version: str
    revision: int


@dataclass(frozen=True)
class Budget:
    """What a project may cost in a month: `monthly_amount` of `measure` (of `REPORT_MEASURES`) in `currency`."""

    project_id: str
    measure: str
    currency: str
    monthly_amount: Decimal


@dataclass(frozen=True)
class CheckOutcome:
    """The verdict of one invariant over one project-month; a failed blocking one stops publication.

    `description` is a `Message`, but for months that an older release has published.
    """

    name: str
    passed: bool
    blocking: bool
    description: str

    @property
    def provable(self) -> bool:
        """Whether the report has what the invariant needs."""
        text = self.description
        return not (text.id == "check-not-provable" if isinstance(text, Message) else text.startswith("not provable"))

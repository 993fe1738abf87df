"""Values and states of the btc domain. No I/O, no clock.

Amounts and balances are whole satoshi (`int`, 1 BTC = 10^8) inside; `money` turns them into BTC at every edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

import polars as pl

from batch_platform.core.failures import Conflict
from batch_platform.core.messages import Message

SATOSHI: Final = 8
"""Decimals of a BTC."""
OPERATION_TYPE: Final = "btc_adjustment"
"""The type of every batch, a reversal's too: one open batch covers both, `Batch.reverses` tells them apart."""
HOUSE: Final = "house"
"""The account on the other side of every amount: never a target of a batch, and the only one that may owe."""

USER_SCHEMA: Final = {"user_id": pl.String(), "status": pl.String()}
BALANCE_SCHEMA: Final = {"user_id": pl.String(), "balance": pl.Int64()}
"""One row a user, the balance in satoshi as of the cut-off."""

PLAN_SCHEMA: Final = {
    "user_id": pl.String(),
    "balance_before": pl.Int64(),
    "amount_exact": pl.String(),
    "amount": pl.Int64(),
    "balance_after": pl.Int64(),
    "state": pl.String(),
    "reason": pl.String(),
}
"""One row a user, sorted by `user_id`. `state` is pending, skipped_zero or excluded, `reason` set for the last.

`amount` is what is booked, so 0 for an excluded user; `amount_exact` is balance x rate / 100 in BTC, unrounded, for
every row (of a reversal: the amount).
"""

LEDGER_SCHEMA: Final = {
    "user_id": pl.String(),
    "amount": pl.Int64(),
    "state": pl.String(),
    "reason": pl.String(),
}
"""The ledger rows of one batch, that of the house among them; `state` is applied or failed."""


class BatchStatus(StrEnum):
    """The states of a batch; from `planned` on its rows are sealed."""

    PENDING = "pending"
    PLANNED = "planned"
    PROCESSING = "processing"
    COMPLETED = "completed"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def word(self) -> Message:
        """The status within a sentence."""
        return _STATUS_WORDS[self]


_STATUS_WORDS: Final[Mapping[str, Message]] = {
    "pending": Message("batch-pending", "pending"),
    "planned": Message("batch-planned", "planned"),
    "processing": Message("batch-processing", "processing"),
    "completed": Message("batch-completed", "completed"),
    "completed_with_failures": Message("batch-completed-with-failures", "completed_with_failures"),
    "failed": Message("batch-failed", "failed"),
    "cancelled": Message("batch-cancelled", "cancelled"),
}


class RowState(StrEnum):
    """What became of one user's row; the ledger knows `applied` and `failed` alone."""

    PENDING = "pending"
    APPLIED = "applied"
    SKIPPED_ZERO = "skipped_zero"
    FAILED = "failed"
    EXCLUDED = "excluded"


class Exclusion(StrEnum):
    """Why a user is listed in a plan but is no target of it."""

    INACTIVE = "inactive"
    CLOCK_AHEAD = "clock_ahead"
    """The newest row bears a moment that was still to come: the clock of whoever wrote it is ahead."""
    ZERO_BALANCE = "zero_balance"
    BELOW_ZERO = "below_zero"


class Rounding(StrEnum):
    """How an exact amount becomes whole satoshi. `half_up` rounds a half away from zero."""

    HALF_EVEN = "half_even"
    HALF_UP = "half_up"
    TOWARD_ZERO = "toward_zero"


class UserStatus(StrEnum):
    """Only active users are targets."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"
    HOUSE = "house"


class TransactionType(StrEnum):
    """What a ledger row books."""

    ADJUSTMENT = OPERATION_TYPE
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"


TRANSITIONS: Final[Mapping[BatchStatus, frozenset[BatchStatus]]] = {
    BatchStatus.PENDING: frozenset({BatchStatus.PLANNED, BatchStatus.CANCELLED, BatchStatus.FAILED}),
    BatchStatus.PLANNED: frozenset({BatchStatus.PROCESSING, BatchStatus.CANCELLED}),
    # There is no way to stop half-way: finish it, or reverse it afterwards.
    BatchStatus.PROCESSING: frozenset(
        {BatchStatus.COMPLETED, BatchStatus.COMPLETED_WITH_FAILURES, BatchStatus.FAILED}
    ),
    BatchStatus.FAILED: frozenset({BatchStatus.PROCESSING}),
    BatchStatus.COMPLETED: frozenset(),
    BatchStatus.COMPLETED_WITH_FAILURES: frozenset(),
    BatchStatus.CANCELLED: frozenset(),
}

TERMINAL: Final = frozenset({BatchStatus.COMPLETED, BatchStatus.COMPLETED_WITH_FAILURES, BatchStatus.CANCELLED})
"""States nothing leaves."""
REVERSIBLE: Final = frozenset({BatchStatus.COMPLETED, BatchStatus.COMPLETED_WITH_FAILURES})


def check(status: BatchStatus, to: BatchStatus) -> None:
    """Conflict unless a batch may go from `status` to `to`."""
    if to not in TRANSITIONS[status]:
        raise Conflict(
            "batch-transition",
            "A batch that is {status} cannot become {to}.",
            status=status.word,
            to=to.word,
            field="status",
        )


@dataclass(frozen=True)
class Options:
    """How a batch is planned, approved and written; the settings of the domain, some of them set per batch."""

    rounding: Rounding = Rounding.HALF_EVEN
    target_total: int | None = None
    """Signed satoshi that the users' amounts must add up to; None rounds each amount by itself."""
    chunk_users: int = 49
    """Two items a user and 100 items a transaction."""
    shards: int = 1
    """1, or 16 partition keys for the ledger rows of a batch."""
    require_approval: bool = False
    second_approver: bool = False
    rate_limit: int | None = None
    """Write units a second on one partition key; None is unlimited."""
    max_rate: Decimal = Decimal(100)
    """A rate beyond this, in percent either way, takes a typed confirmation."""
    confirm_above: int | None = None
    """A sum beyond this, in satoshi either way, is approved only by who names it; None: however it is."""


@dataclass(frozen=True)
class Approval:
    """Who said yes, and when."""

    account: str
    at: datetime


class Counters(NamedTuple):
    """Rows of a batch by state. `excluded` users are no targets."""

    target: int
    applied: int
    skipped_zero: int
    failed: int
    pending: int
    excluded: int

    @property
    def hold(self) -> bool:
        """Whether every target is in exactly one state."""
        return self.target == self.applied + self.skipped_zero + self.failed + self.pending and min(self) >= 0


@dataclass(frozen=True)
class Batch:
    """One adjustment of all balances, or the reversal of one (`reverses`): one item of `batch-operations`.

    `adjustment_rate` is in percent, `target_total`, `plan_sum` and `applied_sum` in satoshi. `plan_rows` counts all
    rows of the plan, excluded ones too; `processed_user_count` the applied ones, whose amounts add up to
    `applied_sum`. `cutoff_at`, `planned_at` and the `plan_` fields are set by the seal. `key_hash` names the
    idempotency key the batch was created with.
    """

    batch_id: str
    adjustment_rate: Decimal
    status: BatchStatus
    created_by: str
    created_at: datetime
    operation_type: str = OPERATION_TYPE
    memo: str | None = None
    rounding: Rounding = Rounding.HALF_EVEN
    target_total: int | None = None
    shards: int = 1
    chunk_users: int = 49
    cutoff_at: datetime | None = None
    planned_at: datetime | None = None
    target_user_count: int = 0
    processed_user_count: int = 0
    failed_user_count: int = 0
    skipped_zero_count: int = 0
    excluded_count: int = 0
    plan_sha256: str | None = None
    plan_file_sha256: str | None = None
    plan_sum: int | None = None
    plan_rows: int | None = None
    approvals: tuple[Approval, ...] = ()
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error_message: str | None = None
    lease_owner: str | None = None
    lease_expires_at: datetime | None = None
    fencing: int = 0
    reverses: str | None = None
    reversed_by: str | None = None
    applied_sum: int | None = None
    key_hash: str | None = None

    @property
    def counters(self) -> Counters:
        """The counters as they stand on the batch; what is in no other state is pending."""
        done = self.processed_user_count + self.skipped_zero_count + self.failed_user_count
        return Counters(
            target=self.target_user_count,
            applied=self.processed_user_count,
            skipped_zero=self.skipped_zero_count,
            failed=self.failed_user_count,
            pending=self.target_user_count - done,
            excluded=self.excluded_count,
        )

    @property
    def is_reversible(self) -> bool:
        """Whether it may be taken back: once, after its end, and only what is no reversal itself."""
        return self.reverses is None and self.reversed_by is None and self.status in REVERSIBLE

    def require_reversible(self) -> None:
        """Raises `Conflict` saying why, unless it `is_reversible`."""
        if self.reverses is not None:
            raise Conflict(
                "batch-is-a-reversal",
                "batch {batch} is the reversal of {reverses} and cannot be reversed itself: a new batch books again",
                batch=self.batch_id,
                reverses=self.reverses,
                field="batch_id",
            )
        if self.reversed_by is not None:
            raise Conflict(
                "batch-reversed-already",
                "batch {batch} is reversed by {reversal} already",
                batch=self.batch_id,
                reversal=self.reversed_by,
                field="batch_id",
            )
        if not self.is_reversible:
            raise Conflict(
                "nothing-to-reverse",
                "batch {batch} is {status}: nothing to reverse",
                batch=self.batch_id,
                status=self.status.word,
                field="batch_id",
            )

    @property
    def is_open(self) -> bool:
        """Whether it keeps others of its type from starting: a batch that failed before its seal wrote nothing."""
        if self.status is BatchStatus.FAILED:
            return self.plan_sha256 is not None
        return self.status not in TERMINAL


def reversal_of(batch: Batch, others: Mapping[str, Batch]) -> str:
    """What a batch takes back, or how far it is taken back by one of the `others`, in words; empty for neither."""
    if batch.reverses is not None:
        return f"reverses {batch.reverses}"
    if batch.reversed_by is None:
        return ""
    back = others.get(batch.reversed_by)
    if back is None or back.status is BatchStatus.COMPLETED:
        return f"reversed by {batch.reversed_by}"
    if back.status is BatchStatus.COMPLETED_WITH_FAILURES:
        return f"reversed by {batch.reversed_by}, but for {back.failed_user_count:,} user(s)"
    return f"to be reversed by {batch.reversed_by}, which is {back.status}"


@dataclass(frozen=True)
class User:
    """One item of `users`."""

    user_id: str
    status: UserStatus


@dataclass(frozen=True)
class Balance:
    """One item of `balances`: satoshi, the number of the user's ledger rows, and when the newest was committed."""

    user_id: str
    balance: int
    version: int
    updated_at: datetime


@dataclass(frozen=True)
class LedgerRow:
    """One item of `transactions`: a signed amount in satoshi booked to one user.

    `transaction_id` is the batch's id, with its shard where the batch has 16. A row whose `state` is failed has
    amount 0 and a `reason`, and keeps the user's place so that a late worker cannot apply it.
    """

    transaction_id: str
    user_id: str
    amount: int
    transaction_type: TransactionType
    created_at: datetime
    committed_at: datetime
    created_by: str
    memo: str | None = None
    state: RowState = RowState.APPLIED
    reason: str | None = None

    @property
    def batch_id(self) -> str:
        """The `transaction_id` without the shard, which is nobody's business."""
        return self.transaction_id.partition("#")[0]

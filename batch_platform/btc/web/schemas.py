"""What the btc API tells, by the names of the spec. Amounts are BTC as texts of 8 decimals, a rate is a number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import polars as pl
from pydantic import ConfigDict, Field, WithJsonSchema

from batch_platform.btc.jobs import BATCH_ID
from batch_platform.btc.model import Approval, Batch, BatchStatus, LedgerRow, Options, Rounding, RowState
from batch_platform.btc.money import btc_text, btc_texts, rate_text
from batch_platform.btc.plan import Summary
from batch_platform.btc.proof import Check, Proof
from batch_platform.btc.service import Detail, Draft, HistoryPage, approvals_missing
from batch_platform.web.api.strict import StrictModel

Amount = Annotated[str, Field(pattern=r"^-?[0-9]+\.[0-9]{8}$", examples=["0.00000001"])]
"""BTC, exactly."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=BATCH_ID, examples=["019f0a5e-1c2d-7a3b-8c4d-5e6f708192a3"])]
Rate = Annotated[Decimal, WithJsonSchema({"type": "number", "description": "Percent.", "examples": [5, -3.25]})]

_AMOUNTS = ("balance_before", "amount", "balance_after")


class Wire(StrictModel):
    """A value with the names of the spec: they are the same here and on the wire."""

    model_config = ConfigDict(alias_generator=None)


class ApprovalAnswer(Wire):
    """Who said yes, and when."""

    account: str
    at: datetime

    @classmethod
    def of(cls, approval: Approval) -> ApprovalAnswer:
        return cls(account=approval.account, at=approval.at)


class BatchAnswer(Wire):
    """A batch. target = processed + skipped_zero + failed + pending at every moment; excluded users are no targets.

    `plan_sum` is what was sealed, `applied_sum` what was booked. `approvals_missing` people have to approve a planned
    batch before it starts. `reverses` and `reversed_by` name the batch it takes back, and that which takes it back,
    whose status is `reversal_status` where a batch is read: it is in force until that has ended.
    """

    batch_id: Id
    operation_type: str
    adjustment_rate: Rate
    status: BatchStatus
    target_user_count: int
    processed_user_count: int
    failed_user_count: int
    skipped_zero_count: int
    pending_user_count: int
    excluded_count: int
    created_by: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error_message: str | None
    memo: str | None
    rounding: Rounding
    target_total: Amount | None
    shards: int
    cutoff_at: datetime | None
    planned_at: datetime | None
    plan_sha256: Hash | None
    plan_sum: Amount | None
    plan_rows: int | None
    applied_sum: Amount | None
    approvals: list[ApprovalAnswer]
    approvals_missing: int
    lease_expires_at: datetime | None
    reverses: Id | None
    reversed_by: Id | None
    reversal_status: BatchStatus | None

    @classmethod
    def of(cls, batch: Batch, options: Options, reversal: Batch | None = None) -> BatchAnswer:
        plain = (
            *("batch_id", "operation_type", "status", "target_user_count", "processed_user_count"),
            *("failed_user_count", "skipped_zero_count", "excluded_count", "created_by", "created_at", "started_at"),
            *("completed_at", "error_message", "memo", "rounding", "shards", "cutoff_at", "planned_at"),
            *("plan_sha256", "plan_rows", "lease_expires_at", "reverses", "reversed_by"),
        )
        values: dict[str, Any] = {name: getattr(batch, name) for name in plain}
        return cls(
            **values,
            reversal_status=None if reversal is None else reversal.status,
            adjustment_rate=_rate(batch.adjustment_rate),
            pending_user_count=batch.counters.pending,
            target_total=_btc(batch.target_total),
            plan_sum=_btc(batch.plan_sum),
            applied_sum=_btc(batch.applied_sum),
            approvals=[ApprovalAnswer.of(one) for one in batch.approvals],
            approvals_missing=approvals_missing(batch, options) if batch.status is BatchStatus.PLANNED else 0,
        )


class HistoryAnswer(Wire):
    """Batches, the newest first, and how many there are in all. `next_cursor` is null on the last page."""

    items: list[BatchAnswer]
    total: int
    next_cursor: str | None

    @classmethod
    def of(cls, page: HistoryPage, options: Options) -> HistoryAnswer:
        items = [BatchAnswer.of(one, options, page.reversals.get(one.reversed_by or "")) for one in page.batches]
        return cls(items=items, total=page.total, next_cursor=page.cursor)


class TransactionAnswer(Wire):
    """One row of the ledger: `transaction_id` is the batch's id. A failed row books nothing, and says why."""

    transaction_id: str
    user_id: str
    amount: Amount
    transaction_type: str
    state: RowState
    reason: str | None
    memo: str | None
    created_at: datetime
    committed_at: datetime
    created_by: str

    @classmethod
    def of(cls, row: LedgerRow) -> TransactionAnswer:
        return cls(
            transaction_id=row.batch_id,
            user_id=row.user_id,
            amount=btc_text(row.amount),
            transaction_type=row.transaction_type.value,
            state=row.state,
            reason=row.reason,
            memo=row.memo,
            created_at=row.created_at,
            committed_at=row.committed_at,
            created_by=row.created_by,
        )


class UserRowAnswer(TransactionAnswer):
    """A row of a user's history; of a batch also what it reverses, and what reverses it."""

    reverses: Id | None
    reversed_by: Id | None
    reversal_status: BatchStatus | None

    @classmethod
    def of_user(cls, row: LedgerRow, batches: Mapping[str, Batch]) -> UserRowAnswer:
        batch = batches.get(row.batch_id)
        reversed_by = None if batch is None else batch.reversed_by
        back = batches.get(reversed_by or "")
        return cls(
            **TransactionAnswer.of(row).model_dump(),
            reverses=None if batch is None else batch.reverses,
            reversed_by=reversed_by,
            reversal_status=None if back is None else back.status,
        )


class UserRowsAnswer(Wire):
    """What was booked to a user, the newest first."""

    items: list[UserRowAnswer]
    next_cursor: str | None


class TransactionsAnswer(Wire):
    """Rows of a batch in the order of its users, shard after shard."""

    items: list[TransactionAnswer]
    next_cursor: str | None


class ChangeAnswer(Wire):
    """One user's balance before and after."""

    user_id: str
    balance_before: Amount
    amount: Amount
    balance_after: Amount


class BucketAnswer(Wire):
    """How many amounts lie, without their sign, from `lower` on and below `upper`, and their sum."""

    lower: Amount
    upper: Amount
    users: int
    amount: Amount


class SummaryAnswer(Wire):
    """What a plan comes to. Smallest, median, largest and `top_changes` look at sizes without signs."""

    plan_rows: int
    target_user_count: int
    skipped_zero_count: int
    excluded: dict[str, int]
    plan_sum: Amount
    balance_before: Amount
    balance_after: Amount
    balance_excluded: Amount
    smallest_amount: Amount | None
    median_amount: Amount | None
    largest_amount: Amount | None
    top_changes: list[ChangeAnswer]
    distribution: list[BucketAnswer]

    @classmethod
    def of(cls, summary: Summary) -> SummaryAnswer:
        top = [
            ChangeAnswer(user_id=one.user_id, **{name: btc_text(getattr(one, name)) for name in _AMOUNTS})
            for one in summary.top
        ]
        buckets = [
            BucketAnswer(
                users=one.users, **{name: btc_text(getattr(one, name)) for name in ("lower", "upper", "amount")}
            )
            for one in summary.distribution
        ]
        return cls(
            plan_rows=summary.rows,
            target_user_count=summary.targets,
            skipped_zero_count=summary.counts[RowState.SKIPPED_ZERO],
            excluded={reason.value: users for reason, users in summary.excluded.items()},
            plan_sum=btc_text(summary.amount),
            balance_before=btc_text(summary.balance_before),
            balance_after=btc_text(summary.balance_after),
            balance_excluded=btc_text(summary.balance_excluded),
            smallest_amount=_btc(summary.smallest),
            median_amount=_btc(summary.median),
            largest_amount=_btc(summary.largest),
            top_changes=top,
            distribution=buckets,
        )


class FailureAnswer(Wire):
    """A user whose row was not booked, and why."""

    user_id: str
    error: str


class DetailAnswer(Wire):
    """A batch with its first rows; the next ones are at `/transactions`. `summary` is null before the seal."""

    operation: BatchAnswer
    transactions: list[TransactionAnswer]
    next_cursor: str | None
    summary: SummaryAnswer | None
    failures: list[FailureAnswer]

    @classmethod
    def of(cls, detail: Detail, options: Options) -> DetailAnswer:
        return cls(
            operation=BatchAnswer.of(detail.batch, options, detail.reversal),
            transactions=[TransactionAnswer.of(row) for row in detail.transactions.rows],
            next_cursor=detail.transactions.cursor,
            summary=None if detail.summary is None else SummaryAnswer.of(detail.summary),
            failures=[FailureAnswer(user_id=one.user_id, error=one.reason) for one in detail.failures],
        )


class PlanRow(Wire):
    """One row of a plan. `amount_exact` is the amount before it was rounded; an excluded user has a `reason`."""

    user_id: str
    balance_before: Amount
    amount_exact: str
    amount: Amount
    balance_after: Amount
    state: RowState
    reason: str | None


class PreviewAnswer(Wire):
    """What a batch would do now. The same balances give a batch the same `plan_sha256`."""

    adjustment_rate: Rate
    cutoff_at: datetime
    target_user_count: int
    plan_sum: Amount
    plan_sha256: Hash
    summary: SummaryAnswer
    rows: list[PlanRow]

    @classmethod
    def of(cls, draft: Draft, *, rows: int) -> PreviewAnswer:
        first = [
            PlanRow(**{**row, "state": RowState(row["state"])})
            for row in plan_texts(draft.plan.head(rows)).iter_rows(named=True)
        ]
        return cls(
            adjustment_rate=_rate(draft.rate),
            cutoff_at=draft.cutoff_at,
            target_user_count=draft.summary.targets,
            plan_sum=btc_text(draft.plan_sum),
            plan_sha256=draft.plan_sha256,
            summary=SummaryAnswer.of(draft.summary),
            rows=first,
        )


class PlanAnswer(Wire):
    """Every row of a sealed plan, with what has become of it."""

    batch_id: Id
    plan_sha256: Hash
    rows: list[PlanRow]


class CountersAnswer(Wire):
    """Rows by state, counted anew."""

    target: int
    applied: int
    skipped_zero: int
    failed: int
    pending: int
    excluded: int


class DifferenceAnswer(Wire):
    """One user for whom a check found something else than it expected; amounts are satoshi."""

    user_id: str
    expected: str
    found: str


class CheckAnswer(Wire):
    """One statement about a batch; of `difference_count` users who differ the first are named."""

    name: str
    ok: bool
    expected: str
    found: str
    differences: list[DifferenceAnswer]
    difference_count: int

    @classmethod
    def of(cls, check: Check) -> CheckAnswer:
        plain: dict[str, Any] = {
            name: getattr(check, name) for name in ("name", "ok", "expected", "found", "difference_count")
        }
        return cls(**plain, differences=[DifferenceAnswer(**vars(one)) for one in check.differences])


class ProofAnswer(Wire):
    """Sealed rows, ledger rows and counters of a batch, each against the others, read anew."""

    batch_id: Id
    ok: bool
    counters: CountersAnswer
    applied_sum: Amount
    checks: list[CheckAnswer]

    @classmethod
    def of(cls, proof: Proof) -> ProofAnswer:
        return cls(
            batch_id=proof.batch_id,
            ok=proof.ok,
            counters=CountersAnswer(**proof.counters._asdict()),
            applied_sum=btc_text(proof.applied_sum),
            checks=[CheckAnswer.of(check) for check in proof.checks],
        )


def plan_texts(plan: pl.DataFrame) -> pl.DataFrame:
    """Rows of a plan (`PLAN_SCHEMA`) as they are told: amounts in BTC."""
    return plan.with_columns(btc_texts(name).alias(name) for name in _AMOUNTS)


def _btc(satoshi: int | None) -> str | None:
    return None if satoshi is None else btc_text(satoshi)


def _rate(rate: Decimal) -> Decimal:
    return Decimal(rate_text(rate))

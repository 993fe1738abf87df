"""What the btc API tells, by the names of the spec. Amounts are BTC as texts of 8 decimals, a rate is a number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, WithJsonSchema

from batch_platform.btc.jobs import BATCH_ID
from batch_platform.btc.model import Batch, BatchStatus, LedgerRow, Options, Rounding, RowState
from batch_platform.btc.money import btc_text, rate_text
from batch_platform.btc.row_texts import texts
from batch_platform.btc.service import Detail, Draft, HistoryPage, approvals_missing
from batch_platform.web.api.answers import From, Sentence, SnakeAnswer

PLAN_COLUMNS: Final = ("user_id", "balance_before", "amount", "balance_after", "state")
"""What files have of a plan's rows."""


def _btc(amount: Any) -> Any:
    return btc_text(amount) if isinstance(amount, int) else amount


Amount = Annotated[str, BeforeValidator(_btc), Field(pattern=r"^-?[0-9]+\.[0-9]{8}$", examples=["0.00000001"])]
"""BTC, exactly; made of satoshi."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=BATCH_ID, examples=["019f0a5e-1c2d-7a3b-8c4d-5e6f708192a3"])]
Rate = Annotated[
    Decimal,
    BeforeValidator(lambda rate: Decimal(rate_text(rate))),
    WithJsonSchema({"type": "number", "description": "Percent.", "examples": [5, -3.25]}),
]


class ApprovalAnswer(SnakeAnswer):
    """Who said yes, and when."""

    account: str
    at: datetime


class BatchAnswer(SnakeAnswer):
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
    pending_user_count: Annotated[int, From("counters.pending")]
    excluded_count: int
    created_by: str
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    error_message: Sentence | None
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
    def of_batch(cls, batch: Batch, options: Options, reversal: Batch | None = None) -> Self:
        missing = approvals_missing(batch, options) if batch.status is BatchStatus.PLANNED else 0
        return cls.of(batch, approvals_missing=missing, reversal_status=reversal and reversal.status)


class HistoryAnswer(SnakeAnswer):
    """Batches, the newest first, and how many there are in all. `next_cursor` is null on the last page."""

    items: list[BatchAnswer]
    total: int
    next_cursor: str | None

    @classmethod
    def of_page(cls, page: HistoryPage, options: Options) -> Self:
        back = page.reversals
        items = [BatchAnswer.of_batch(batch, options, back.get(batch.reversed_by or "")) for batch in page.batches]
        return cls(items=items, total=page.total, next_cursor=page.cursor)


class LedgerRowAnswer(SnakeAnswer):
    """One row of the ledger: `transaction_id` is the batch's id. A failed row books nothing, and says why."""

    transaction_id: Annotated[str, From("batch_id")]
    user_id: str
    amount: Amount
    transaction_type: str
    state: RowState
    reason: str | None
    memo: str | None
    created_at: datetime
    committed_at: datetime
    created_by: str


class UserRowAnswer(LedgerRowAnswer):
    """A row of a user's history; of a batch also what it reverses, and what reverses it."""

    reverses: Id | None
    reversed_by: Id | None
    reversal_status: BatchStatus | None

    @classmethod
    def of_user(cls, row: LedgerRow, batches: Mapping[str, Batch]) -> Self:
        batch = batches.get(row.batch_id)
        reversed_by = batch and batch.reversed_by
        back = batches.get(reversed_by or "")
        return cls.of(
            row, reverses=batch and batch.reverses, reversed_by=reversed_by, reversal_status=back and back.status
        )


class LedgerRowsAnswer(SnakeAnswer):
    """Rows of a batch in the order of its users, shard after shard."""

    items: Annotated[list[LedgerRowAnswer], From("rows")]
    next_cursor: Annotated[str | None, From("cursor")]


class BalanceChangeAnswer(SnakeAnswer):
    """One user's balance before and after."""

    user_id: str
    balance_before: Amount
    amount: Amount
    balance_after: Amount


class BucketAnswer(SnakeAnswer):
    """How many amounts lie, without their sign, from `lower` on and below `upper`, and their sum."""

    lower: Amount
    upper: Amount
    users: int
    amount: Amount


class PlanSummaryAnswer(SnakeAnswer):
    """What a plan comes to. Smallest, median, largest and `top_changes` look at sizes without signs."""

    plan_rows: Annotated[int, From("rows")]
    target_user_count: Annotated[int, From("targets")]
    skipped_zero_count: Annotated[int, From("counts.skipped_zero")]
    excluded: dict[str, int]
    plan_sum: Annotated[Amount, From("amount")]
    balance_before: Amount
    balance_after: Amount
    balance_excluded: Amount
    smallest_amount: Annotated[Amount | None, From("smallest")]
    median_amount: Annotated[Amount | None, From("median")]
    largest_amount: Annotated[Amount | None, From("largest")]
    top_changes: Annotated[list[BalanceChangeAnswer], From("top")]
    distribution: list[BucketAnswer]


class FailureAnswer(SnakeAnswer):
    """A user whose row was not booked, and why."""

    user_id: str
    error: Annotated[Sentence, From("reason")]


class DetailAnswer(SnakeAnswer):
    """A batch with its first rows; the next ones are at `/transactions`. `summary` is null before the seal."""

    operation: BatchAnswer
    transactions: Annotated[list[LedgerRowAnswer], From("transactions.rows")]
    next_cursor: Annotated[str | None, From("transactions.cursor")]
    summary: PlanSummaryAnswer | None
    failures: list[FailureAnswer]

    @classmethod
    def of_detail(cls, detail: Detail, options: Options) -> Self:
        return cls.of(detail, operation=BatchAnswer.of_batch(detail.batch, options, detail.reversal))


class PlanRow(SnakeAnswer):
    """One row of a plan. `amount_exact` is the amount before it was rounded; an excluded user has a `reason`."""

    user_id: str
    balance_before: Amount
    amount_exact: str
    amount: Amount
    balance_after: Amount
    state: RowState
    reason: str | None


class BatchPreviewAnswer(SnakeAnswer):
    """What a batch would do now. The same balances give a batch the same `plan_sha256`."""

    adjustment_rate: Annotated[Rate, From("rate")]
    cutoff_at: datetime
    target_user_count: Annotated[int, From("summary.targets")]
    plan_sum: Amount
    plan_sha256: Hash
    summary: PlanSummaryAnswer
    rows: list[PlanRow]

    @classmethod
    def of_draft(cls, draft: Draft, *, rows: int) -> Self:
        plan = draft.plan.head(rows)
        return cls.of(draft, rows=texts(plan, plan.columns).to_dicts())


class PlanAnswer(SnakeAnswer):
    """Every row of a sealed plan, with what has become of it."""

    batch_id: Id
    plan_sha256: Hash
    rows: list[PlanRow]


class CountersAnswer(SnakeAnswer):
    """Rows by state, counted anew."""

    target: int
    applied: int
    skipped_zero: int
    failed: int
    pending: int
    excluded: int


class BalanceDifferenceAnswer(SnakeAnswer):
    """One user for whom a check found something else than it expected; amounts are satoshi."""

    user_id: str
    expected: str
    found: str


class BatchCheckAnswer(SnakeAnswer):
    """One statement about a batch; of `difference_count` users who differ the first are named."""

    name: str
    ok: bool
    expected: Sentence
    found: Sentence
    differences: list[BalanceDifferenceAnswer]
    difference_count: int


class ProofAnswer(SnakeAnswer):
    """Sealed rows, ledger rows and counters of a batch, each against the others, read anew."""

    batch_id: Id
    ok: bool
    counters: CountersAnswer
    applied_sum: Amount
    checks: list[BatchCheckAnswer]


class VerificationAnswer(SnakeAnswer):
    """Batches and balances recomputed from the ledger."""

    ok: bool
    batches: Annotated[list[ProofAnswer], From("proofs")]
    balances: BatchCheckAnswer

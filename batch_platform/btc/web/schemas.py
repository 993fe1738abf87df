"""What the btc API tells, by the names of the spec. Amounts are BTC as texts of 8 decimals, a rate is a number."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Self

import polars as pl
from pydantic import AliasPath, BeforeValidator, ConfigDict, Field, WithJsonSchema

from batch_platform.btc.jobs import BATCH_ID
from batch_platform.btc.model import Batch, BatchStatus, LedgerRow, Options, Rounding, RowState
from batch_platform.btc.money import btc_text, rate_text
from batch_platform.btc.row_texts import texts
from batch_platform.btc.service import Detail, Draft, HistoryPage, approvals_missing
from batch_platform.web.api.strict import StrictModel

PLAN_COLUMNS: Final = ("user_id", "balance_before", "amount", "balance_after", "state")
"""What files have of a plan's rows."""


def _btc(amount: Any) -> Any:
    return btc_text(amount) if isinstance(amount, int) else amount


Amount = Annotated[str, BeforeValidator(_btc), Field(pattern=r"^-?[0-9]+\.[0-9]{8}$", examples=["0.00000001"])]
"""BTC, exactly; made of satoshi."""
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Id = Annotated[str, Field(pattern=BATCH_ID, examples=["019f0a5e-1c2d-7a3b-8c4d-5e6f708192a3"])]
Sentence = Annotated[str, BeforeValidator(lambda sentence: sentence if sentence is None else str(sentence))]
Rate = Annotated[
    Decimal,
    BeforeValidator(lambda rate: Decimal(rate_text(rate))),
    WithJsonSchema({"type": "number", "description": "Percent.", "examples": [5, -3.25]}),
]


class Wire(StrictModel):
    """A value with the names of the spec: they are the same here and on the wire."""

    model_config = ConfigDict(alias_generator=None, from_attributes=True)

    @classmethod
    def from_model(cls, value: Any) -> Self:
        """Of a value of the model that has its fields."""
        return cls.model_validate(value, strict=False)


class ApprovalAnswer(Wire):
    """Who said yes, and when."""

    account: str
    at: datetime


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
    def of(cls, batch: Batch, options: Options, reversal: Batch | None = None) -> Self:
        values = {name: getattr(batch, name) for name in cls.model_fields if hasattr(batch, name)}
        values |= {
            "approvals": list(map(ApprovalAnswer.from_model, batch.approvals)),
            "approvals_missing": approvals_missing(batch, options) if batch.status is BatchStatus.PLANNED else 0,
            "pending_user_count": batch.counters.pending,
            "reversal_status": None if reversal is None else reversal.status,
        }
        return cls(**values)


class HistoryAnswer(Wire):
    """Batches, the newest first, and how many there are in all. `next_cursor` is null on the last page."""

    items: list[BatchAnswer]
    total: int
    next_cursor: str | None

    @classmethod
    def of(cls, page: HistoryPage, options: Options) -> Self:
        items = [
            BatchAnswer.of(batch, options, page.reversals.get(batch.reversed_by or "")) for batch in page.batches
        ]
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
    def of(cls, row: LedgerRow, **more: Any) -> Self:
        names = TransactionAnswer.model_fields.keys() - {"transaction_id", "transaction_type"}
        values = {name: getattr(row, name) for name in names}
        return cls(transaction_id=row.batch_id, transaction_type=row.transaction_type.value, **values, **more)


class UserRowAnswer(TransactionAnswer):
    """A row of a user's history; of a batch also what it reverses, and what reverses it."""

    reverses: Id | None
    reversed_by: Id | None
    reversal_status: BatchStatus | None

    @classmethod
    def of_user(cls, row: LedgerRow, batches: Mapping[str, Batch]) -> Self:
        batch = batches.get(row.batch_id)
        reversed_by = None if batch is None else batch.reversed_by
        back = batches.get(reversed_by or "")
        return cls.of(
            row,
            reverses=None if batch is None else batch.reverses,
            reversed_by=reversed_by,
            reversal_status=None if back is None else back.status,
        )


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

    plan_rows: int = Field(validation_alias="rows")
    target_user_count: int = Field(validation_alias="targets")
    skipped_zero_count: int = Field(validation_alias=AliasPath("counts", RowState.SKIPPED_ZERO.value))
    excluded: dict[str, int]
    plan_sum: Amount = Field(validation_alias="amount")
    balance_before: Amount
    balance_after: Amount
    balance_excluded: Amount
    smallest_amount: Amount | None = Field(validation_alias="smallest")
    median_amount: Amount | None = Field(validation_alias="median")
    largest_amount: Amount | None = Field(validation_alias="largest")
    top_changes: list[ChangeAnswer] = Field(validation_alias="top")
    distribution: list[BucketAnswer]


class FailureAnswer(Wire):
    """A user whose row was not booked, and why."""

    user_id: str
    error: Sentence = Field(validation_alias="reason")


class DetailAnswer(Wire):
    """A batch with its first rows; the next ones are at `/transactions`. `summary` is null before the seal."""

    operation: BatchAnswer
    transactions: list[TransactionAnswer]
    next_cursor: str | None
    summary: SummaryAnswer | None
    failures: list[FailureAnswer]

    @classmethod
    def of(cls, detail: Detail, options: Options) -> Self:
        return cls(
            operation=BatchAnswer.of(detail.batch, options, detail.reversal),
            transactions=[TransactionAnswer.of(row) for row in detail.transactions.rows],
            next_cursor=detail.transactions.cursor,
            summary=None if detail.summary is None else SummaryAnswer.from_model(detail.summary),
            failures=list(map(FailureAnswer.from_model, detail.failures)),
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
    def of(cls, draft: Draft, *, rows: int) -> Self:
        return cls(
            adjustment_rate=draft.rate,
            cutoff_at=draft.cutoff_at,
            target_user_count=draft.summary.targets,
            plan_sum=btc_text(draft.plan_sum),
            plan_sha256=draft.plan_sha256,
            summary=SummaryAnswer.from_model(draft.summary),
            rows=[PlanRow(**{**row, "state": RowState(row["state"])}) for row in _rows(draft.plan.head(rows))],
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
    expected: Sentence
    found: Sentence
    differences: list[DifferenceAnswer]
    difference_count: int


class ProofAnswer(Wire):
    """Sealed rows, ledger rows and counters of a batch, each against the others, read anew."""

    batch_id: Id
    ok: bool
    counters: CountersAnswer
    applied_sum: Amount
    checks: list[CheckAnswer]


class VerificationAnswer(Wire):
    """Batches and balances recomputed from the ledger."""

    ok: bool
    batches: list[ProofAnswer] = Field(validation_alias="proofs")
    balances: CheckAnswer


def _rows(plan: pl.DataFrame) -> Any:
    return texts(plan, plan.columns).iter_rows(named=True)

"""The lists of btc that commands print: their rows are those of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from pydantic import Field

from batch_platform.btc import service
from batch_platform.btc.model import Batch, BatchStatus, LedgerRow, Options, reversal_of
from batch_platform.btc.printing import as_json, grouped, rate
from batch_platform.btc.service import BtcContext
from batch_platform.btc.service.lists import PAGE_AT_MOST
from batch_platform.btc.web.schemas import BatchAnswer, UserRowAnswer
from batch_platform.core.terminal import Figure
from batch_platform.kit.lists import List, Paging
from batch_platform.web.api.strict import StrictModel


class OfStatus(StrictModel):
    """Batches of a status, or all."""

    status: BatchStatus | None = Field(default=None, description="Only these: planned, processing, completed …")


class OfUser(StrictModel):
    """What was booked to a user."""

    user_id: str


class ListedBatch(NamedTuple):
    """A batch with those that reverse one of its page."""

    batch: Batch
    reversals: Mapping[str, Batch]
    options: Options

    @property
    def answer(self) -> BatchAnswer:
        return BatchAnswer.of_batch(self.batch, self.options, self.reversals.get(self.batch.reversed_by or ""))


class UserRow(NamedTuple):
    """A row with the batches of its page and those that reverse them."""

    row: LedgerRow
    batches: Mapping[str, Batch]

    @property
    def answer(self) -> UserRowAnswer:
        return UserRowAnswer.of_user(self.row, self.batches)

    @property
    def reversal(self) -> str:
        batch = self.batches.get(self.row.batch_id)
        return "" if batch is None else reversal_of(batch, self.batches)


def _batches(context: BtcContext, filters: OfStatus, paging: Paging) -> tuple[list[ListedBatch], str | None]:
    limit = min(paging.limit, PAGE_AT_MOST)
    page = service.history(context, filters.status, limit=limit, cursor=paging.cursor)
    return [ListedBatch(batch, page.reversals, context.options) for batch in page.batches], page.cursor


def _user_rows(context: BtcContext, filters: OfUser, paging: Paging) -> tuple[list[UserRow], str | None]:
    limit = min(paging.limit, PAGE_AT_MOST)
    rows, cursor = service.user_rows(context, filters.user_id, limit=limit, cursor=paging.cursor)
    batches = service.batches_of(context, rows)
    return [UserRow(row, batches) for row in rows], cursor


BATCHES: Final = List(
    filters=OfStatus,
    read=_batches,
    row=BatchAnswer,
    of=lambda listed: listed.answer,
    columns={
        "batch": lambda listed: listed.batch.batch_id,
        "created": lambda listed: listed.batch.created_at,
        "rate": lambda listed: rate(listed.batch.adjustment_rate),
        "status": lambda listed: listed.batch.status,
        "reversal": lambda listed: reversal_of(listed.batch, listed.reversals),
        "targets": lambda listed: Figure(f"{listed.batch.target_user_count:,}"),
        "applied": lambda listed: Figure(f"{listed.batch.processed_user_count:,}"),
        "failed": lambda listed: Figure(f"{listed.batch.failed_user_count:,}"),
        "sum": lambda listed: Figure() if listed.batch.plan_sum is None else grouped(listed.batch.plan_sum),
        "memo": lambda listed: listed.batch.memo,
    },
    empty="no batch",
    to_json=as_json,
)
USER_ROWS: Final = List(
    filters=OfUser,
    read=_user_rows,
    row=UserRowAnswer,
    of=lambda listed: listed.answer,
    columns={
        "committed": lambda listed: listed.row.committed_at,
        "type": lambda listed: listed.row.transaction_type.value,
        "amount": lambda listed: grouped(listed.row.amount),
        "state": lambda listed: listed.row.state.value,
        "transaction": lambda listed: listed.row.batch_id,
        "reversal": "reversal",
        "memo": lambda listed: listed.row.memo or listed.row.reason,
    },
    empty="nothing was booked to this user",
)

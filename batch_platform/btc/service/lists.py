"""Batches and their rows for readers, a page at a time. A cursor is opaque: hand back what was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from batch_platform.btc.model import HOUSE, Batch, BatchStatus, LedgerRow, RowState, TransactionType
from batch_platform.btc.plan import Summary, summarise
from batch_platform.btc.service import draft
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.store import RowPage
from batch_platform.core.failures import InvalidInput, NotFound, PermanentFailure

PAGE: Final = 20
PAGE_AT_MOST: Final = 100
FAILURES_SHOWN: Final = 100
_SUMMARIES_KEPT: Final = 16


@dataclass(frozen=True)
class HistoryPage:
    """Some batches, the newest first, how many there are in all, and the cursor of the next page.

    `reversals` are the batches that reverse one of them, by id.
    """

    batches: tuple[Batch, ...]
    total: int
    cursor: str | None
    reversals: Mapping[str, Batch]


@dataclass(frozen=True)
class FailedUser:
    """A user whose row was not booked, and why."""

    user_id: str
    reason: str


@dataclass(frozen=True)
class Detail:
    """A batch with its first rows and the batch that reverses it; `summary` once its plan is sealed, and while that
    can be read."""

    batch: Batch
    reversal: Batch | None
    transactions: RowPage
    failures: tuple[FailedUser, ...]
    summary: Summary | None


def batch(context: BtcContext, batch_id: str) -> Batch:
    """One batch, read consistently. Raises `NotFound`."""
    return context.store.batches.get(batch_id)


def history(
    context: BtcContext,
    status: BatchStatus | None = None,
    *,
    limit: int = PAGE,
    offset: int = 0,
    cursor: str | None = None,
) -> HistoryPage:
    """Batches of a status, or all, by cursor or by offset. The total is counted by the index, which lags a little."""
    _limited(limit)
    if offset < 0:
        raise InvalidInput("offset-negative", "offset must not be negative.", field="offset")
    if offset and cursor is not None:
        raise InvalidInput("cursor-or-offset", "Give a cursor or an offset, not both.", field="cursor")
    page = context.store.batches.page(status=status, limit=limit, cursor=cursor, offset=offset)
    total = context.store.batches.count(status)
    return HistoryPage(page.batches, total, page.cursor, reversals(context, page.batches))


def reversals(context: BtcContext, batches: Iterable[Batch]) -> dict[str, Batch]:
    """The batches that reverse one of these, or are to, by their own ids."""
    return context.store.batches.many([batch.reversed_by for batch in batches if batch.reversed_by is not None])


def batches_of(context: BtcContext, rows: Iterable[LedgerRow]) -> dict[str, Batch]:
    """The batches that booked these rows, and those that reverse one of them, by id."""
    ids = {row.batch_id for row in rows if row.transaction_type is TransactionType.ADJUSTMENT}
    adjustments = context.store.batches.many(ids)
    return {**adjustments, **reversals(context, adjustments.values())}


def detail(context: BtcContext, batch_id: str, *, limit: int = PAGE) -> Detail:
    """All that a batch's page shows; of a plan that is lost, or is not what was sealed, the proof tells.

    Raises `NotFound` for no such batch.
    """
    _limited(limit)
    batch = context.store.batches.get(batch_id)
    rows = context.store.ledger.page(batch_id, batch.shards, limit=limit)
    failures = _failures(context, batch)[:FAILURES_SHOWN]
    reversal = reversals(context, [batch]).get(batch.reversed_by or "")
    try:
        return Detail(batch, reversal, rows, failures, summary(context, batch))
    except (NotFound, PermanentFailure):
        return Detail(batch, reversal, rows, failures, None)


def summary(context: BtcContext, batch: Batch) -> Summary:
    """What the sealed plan of a batch comes to. Raises `NotFound` before the seal."""
    digest = batch.plan_sha256 or ""
    known = context.summaries.get(digest)
    if known is None:
        known = summarise(draft.sealed(context, batch))
        for oldest in list(context.summaries)[: 1 - _SUMMARIES_KEPT]:
            context.summaries.pop(oldest, None)
        context.summaries[digest] = known
    return known


def transactions(context: BtcContext, batch_id: str, *, limit: int = PAGE, cursor: str | None = None) -> RowPage:
    """The ledger rows of a batch in the order of the users, shard after shard; the house's is not among them."""
    _limited(limit)
    batch = context.store.batches.get(batch_id)
    return context.store.ledger.page(batch_id, batch.shards, limit=limit, cursor=cursor)


def failed_users(context: BtcContext, batch_id: str) -> tuple[FailedUser, ...]:
    """Everybody whose row was not booked, by user."""
    return _failures(context, context.store.batches.get(batch_id))


def sealed_rows(context: BtcContext, batch_id: str) -> pl.DataFrame:
    """The sealed rows (`PLAN_SCHEMA`), with what became of each by now as its `state` and `reason`.

    Raises `NotFound` before the seal.
    """
    batch = context.store.batches.get(batch_id)
    plan = draft.sealed(context, batch)
    rows = context.store.ledger.rows(batch_id, batch.shards, plan.get_column("user_id"))
    booked = rows.filter(pl.col("user_id") != HOUSE)
    return plan.update(booked.select("user_id", "state", "reason"), on="user_id").select(plan.columns)


def user_rows(
    context: BtcContext, user_id: str, *, limit: int = PAGE, cursor: str | None = None
) -> tuple[tuple[LedgerRow, ...], str | None]:
    """A user's rows of all kinds, the newest first, and the cursor of the next page."""
    _limited(limit)
    page = context.store.ledger.history(user_id, limit=limit, cursor=cursor)
    return page.rows, page.cursor


def balances(context: BtcContext) -> pl.DataFrame:
    """Every balance as it is now: `user_id`, `balance` in satoshi, `status`, sorted; the house's is among them."""
    accounts = context.store.accounts
    users = accounts.scan_users()
    now = accounts.scan_balances().select("user_id", "balance")
    return now.join(users, on="user_id", how="left", maintain_order="left")


def _failures(context: BtcContext, batch: Batch) -> tuple[FailedUser, ...]:
    if not batch.failed_user_count:
        return ()
    rows = context.store.ledger.rows(batch.batch_id, batch.shards).filter(pl.col("state") == RowState.FAILED)
    return tuple(FailedUser(user, reason or "") for user, reason in rows.select("user_id", "reason").iter_rows())


def _limited(limit: int) -> None:
    if not 1 <= limit <= PAGE_AT_MOST:
        raise InvalidInput("limit-out-of-range", "limit must be 1 to {limit}.", limit=PAGE_AT_MOST, field="limit")

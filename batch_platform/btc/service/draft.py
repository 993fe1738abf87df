"""The rows of a batch as of now, not sealed yet: what a preview shows and a seal keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property

import polars as pl

from batch_platform.btc.model import HOUSE, Batch, Options, RowState
from batch_platform.btc.plan import Summary, adjustment, plan_sha256, plan_sum, reversal, summarise
from batch_platform.btc.service.context import BtcContext
from batch_platform.core.failures import NotFound


@dataclass(frozen=True)
class Draft:
    """Rows (`PLAN_SCHEMA`) by the balances of `cutoff_at`; sealed as they are, they keep their hash."""

    rate: Decimal
    cutoff_at: datetime
    plan: pl.DataFrame

    @cached_property
    def plan_sha256(self) -> str:
        return plan_sha256(self.plan)

    @cached_property
    def plan_sum(self) -> int:
        """Satoshi the users get together."""
        return plan_sum(self.plan)

    @cached_property
    def summary(self) -> Summary:
        return summarise(self.plan)


def of_rate(context: BtcContext, rate: Decimal, options: Options) -> Draft:
    """The rows of a rate over all balances. Raises `InvalidInput` where the rate or the target total does not fit."""
    cutoff = context.clock()
    accounts = context.store.accounts
    balances = accounts.balances_at(cutoff)
    users = accounts.scan_users()
    return Draft(rate, cutoff, adjustment(users, balances, rate=rate, options=options))


def of_reversal(context: BtcContext, target: Batch) -> Draft:
    """The rows that take back what a batch has applied."""
    cutoff = context.clock()
    booked = context.store.ledger.rows(target.batch_id, target.shards)
    applied = booked.filter((pl.col("state") == RowState.APPLIED) & (pl.col("user_id") != HOUSE))
    balances = context.store.accounts.balances_at(cutoff)
    return Draft(-target.adjustment_rate, cutoff, reversal(applied.select("user_id", "amount"), balances))


def of_batch(context: BtcContext, batch: Batch) -> Draft:
    """The rows of a batch that is not sealed, by the options it was created with."""
    if batch.reverses is not None:
        return of_reversal(context, context.store.batches.get(batch.reverses))
    options = replace(context.options, rounding=batch.rounding, target_total=batch.target_total)
    return of_rate(context, batch.adjustment_rate, options)


def sealed(context: BtcContext, batch: Batch) -> pl.DataFrame:
    """The sealed rows (`PLAN_SCHEMA`). Raises `NotFound` before the seal, `PermanentFailure` for rows not sealed."""
    return context.store.plans.get(batch.batch_id, _digest(batch))


def pending(context: BtcContext, batch: Batch) -> pl.DataFrame:
    """`user_id` and `amount` (satoshi) of the sealed rows to apply, in their order. Raises as `sealed`."""
    return context.store.plans.pending(batch.batch_id, _digest(batch), batch.plan_file_sha256)


def _digest(batch: Batch) -> str:
    if batch.plan_sha256 is None:
        raise NotFound(f"batch {batch.batch_id} is {batch.status}: no plan was sealed", field="batch_id")
    return batch.plan_sha256

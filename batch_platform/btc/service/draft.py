"""The rows of a batch as of now, not sealed yet: what a preview shows and a seal keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Final

import polars as pl

from batch_platform.btc.model import HOUSE, Batch, Options, RowState
from batch_platform.btc.plan import Summary, adjustment, plan_sha256, plan_sum, reversal, summarise
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.store.accounts import AsOf
from batch_platform.core.failures import NotFound

CLOCK_TOLERANCE: Final = timedelta(seconds=5)
"""So far a writer's clock may be ahead of the planner's for a plan to wait for its rows; beyond it they are named."""
_SHORTEST_WAIT: Final = timedelta(milliseconds=10)


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
    cutoff, then = _balances(context)
    users = context.store.accounts.scan_users()
    return Draft(rate, cutoff, adjustment(users, then.balances, rate=rate, options=options, ahead=then.ahead.keys()))


def of_reversal(context: BtcContext, target: Batch) -> Draft:
    """The rows that take back what a batch has applied."""
    cutoff, then = _balances(context)
    booked = context.store.ledger.rows(target.batch_id, target.shards)
    applied = booked.filter((pl.col("state") == RowState.APPLIED) & (pl.col("user_id") != HOUSE))
    # its amounts are those of the ledger: whose clock is ahead is taken back from as anybody is
    return Draft(-target.adjustment_rate, cutoff, reversal(applied.select("user_id", "amount"), then.balances))


def of_batch(context: BtcContext, batch: Batch) -> Draft:
    """The rows of a batch that is not sealed, by the options it was created with."""
    if batch.reverses is not None:
        return of_reversal(context, context.store.batches.get(batch.reverses))
    options = replace(context.options, rounding=batch.rounding, target_total=batch.target_total)
    return of_rate(context, batch.adjustment_rate, options)


def _balances(context: BtcContext) -> tuple[datetime, AsOf]:
    """A cut-off and the balances as of it. Rows of a clock that is ahead are waited for, `CLOCK_TOLERANCE` in all."""
    left = CLOCK_TOLERANCE
    while True:
        cutoff = context.clock()
        then = context.store.accounts.balances_at(cutoff)
        now = context.clock()
        soon = [at for at in then.ahead.values() if at <= now + left]
        if not soon or left <= timedelta(0):
            return cutoff, then
        pause = max(max(soon) - now, _SHORTEST_WAIT)
        context.progress(f"{len(soon)} users have rows of {pause.total_seconds():.1f} s from now: waiting")
        context.sleep(pause.total_seconds())
        left -= pause


def sealed(context: BtcContext, batch: Batch) -> pl.DataFrame:
    """The sealed rows (`PLAN_SCHEMA`). Raises `NotFound` before the seal, `PermanentFailure` for rows not sealed."""
    return context.store.plans.get(batch.batch_id, _digest(batch))


def pending(context: BtcContext, batch: Batch) -> pl.DataFrame:
    """`user_id` and `amount` (satoshi) of the sealed rows to apply, in their order. Raises as `sealed`."""
    return context.store.plans.pending(batch.batch_id, _digest(batch), batch.plan_file_sha256)


def _digest(batch: Batch) -> str:
    if batch.plan_sha256 is None:
        raise NotFound(
            "no-plan-sealed",
            "batch {batch} is {status}: no plan was sealed",
            batch=batch.batch_id,
            status=batch.status.word,
            field="batch_id",
        )
    return batch.plan_sha256

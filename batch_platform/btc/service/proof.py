"""The proof of one batch: its sealed rows, its ledger rows and its counters, each against the others."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import polars as pl

from batch_platform.btc.model import HOUSE, REVERSIBLE, Batch, BatchStatus, RowState
from batch_platform.btc.money import btc_text
from batch_platform.btc.plan import plan_sum
from batch_platform.btc.proof import MOST_DIFFERENCES, Check, Difference, Proof, applied_sum, prove
from batch_platform.btc.service import draft
from batch_platform.btc.service.context import BtcContext
from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.core.messages import Message

_NO_ROW: Final = Message("no-ledger-row", "no ledger row")


def proof(context: BtcContext, batch_id: str) -> Proof:
    """All checks of a batch, read anew. While it is not finished, what is still to come is no difference."""
    return proof_of(context, context.store.batches.get(batch_id))


def proof_of(context: BtcContext, batch: Batch) -> Proof:
    """The proof of a batch as it was read."""
    read = partial(context.store.ledger.rows, batch.batch_id, batch.shards)
    if batch.plan_sha256 is None or batch.status is BatchStatus.CANCELLED:
        booked = read()
        return _only(batch, booked, _nothing_booked(booked))
    try:
        plan = draft.sealed(context, batch)
    except (NotFound, PermanentFailure) as error:
        return _only(batch, read(), Check("hash_equal", False, batch.plan_sha256, error.message))
    # after the batch: its counters may be behind the ledger, never ahead of it
    booked = read(plan.get_column("user_id"))
    proof = prove(batch, plan, booked, finished=batch.status in REVERSIBLE)
    if batch.reverses is None:
        return proof
    target = context.store.batches.get(batch.reverses)
    reversed_rows = context.store.ledger.rows(target.batch_id, target.shards, plan.get_column("user_id"))
    return replace(proof, checks=(*proof.checks, _negates(plan, reversed_rows)))


def _only(batch: Batch, booked: pl.DataFrame, check: Check) -> Proof:
    return Proof(batch.batch_id, batch.counters, applied_sum(booked), (check,))


def _nothing_booked(booked: pl.DataFrame) -> Check:
    """A batch that never began has no row in the ledger."""
    return Check(
        "nothing_booked",
        booked.is_empty(),
        _NO_ROW,
        Message("ledger-rows", "{count} ledger rows", count=booked.height),
    )


def _negates(plan: pl.DataFrame, booked: pl.DataFrame) -> Check:
    """A reversal takes back from each user exactly what the batch has booked."""
    applied = booked.filter((pl.col("state") == RowState.APPLIED) & (pl.col("user_id") != HOUSE))
    both = applied.select("user_id", booked="amount").join(
        plan.select("user_id", "amount"), on="user_id", how="full", coalesce=True
    )
    differ = both.filter((pl.col("booked") * -1).ne_missing(pl.col("amount"))).sort("user_id")
    first = differ.head(MOST_DIFFERENCES).with_columns(pl.col("booked") * -1).cast(pl.String()).fill_null("none")
    return Check(
        "negates",
        differ.is_empty(),
        Message("sum-user-by-user", "{sum} BTC, user by user", sum=btc_text(-applied_sum(booked))),
        Message(
            "users-and-sum-differ",
            "{count} users differ, together {sum} BTC",
            count=differ.height,
            sum=btc_text(plan_sum(plan)),
        ),
        tuple(Difference(*row) for row in first.select("user_id", "booked", "amount").iter_rows()),
        differ.height,
    )

"""Recompute everything from the ledger: counters, sums, hashes and zero sum of batches, and every balance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import polars as pl

from batch_platform.btc.model import Batch, RowState
from batch_platform.btc.proof import Check, Proof, balances_equal
from batch_platform.btc.service import draft
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.service.proof import proof_of
from batch_platform.core.dynamodb import in_threads

_PAGE: Final = 100
_LOOKED_AT: Final = 100  # users whose balance differs; with more something is broken, not moving
_MOVED_AT_MOST: Final = 2_000  # users with other activity; with more the whole ledger is read sooner
_LOOKS: Final = 4
_PAUSE: Final = 0.25


@dataclass(frozen=True)
class Verification:
    """The proofs of the batches, the newest first, and whether every balance is the sum of its user's rows."""

    proofs: tuple[Proof, ...]
    balances: Check

    @property
    def ok(self) -> bool:
        return self.balances.ok and all(proof.ok for proof in self.proofs)


def verify(context: BtcContext, batch_id: str | None = None) -> Verification:
    """Recompute one batch, or all of them, and all balances. Nothing is written. Raises `NotFound`."""
    chosen = _all(context) if batch_id is None else iter([context.store.batches.get(batch_id)])
    proofs = []
    for batch in chosen:
        proofs.append(proof_of(context, batch))
        context.progress(f"{batch.batch_id}: {'equal' if proofs[-1].ok else 'differs'}")
    return Verification(tuple(proofs), check_balances(context))


def check_balances(context: BtcContext) -> Check:
    """Every balance against the sum of its user's ledger rows, the house's too.

    Both are read while others book: a user who differs at first is looked at again alone.
    """
    balances = context.store.accounts.scan_balances().select("user_id", "balance")
    totals = context.store.ledger.totals()
    both = balances.join(totals, on="user_id", how="full", coalesce=True).with_columns(
        pl.col("balance", "amount").fill_null(0)
    )
    moving = _moving(both)
    if 0 < len(moving) <= _LOOKED_AT:
        both = _looked_at(context, both, moving)
    return balances_equal(both.select("user_id", "balance"), both.select("user_id", "amount"))


def check_balances_after(context: BtcContext, batch_id: str) -> Check:
    """The balance of everybody in a batch that has ended: as it was planned, and the rows that were booked since.

    Whoever has no other rows since the cut-off is compared with the plan, so that the history of the whole ledger is
    not read; of everybody else all rows are added up. Raises `NotFound` before the seal.
    """
    batch = context.store.batches.get(batch_id)
    plan = draft.sealed(context, batch).select("user_id", "balance_before")
    rows = context.store.ledger.rows(batch_id, batch.shards, plan.get_column("user_id"))
    booked = rows.filter(pl.col("state") == RowState.APPLIED)
    balances = context.store.accounts.scan_balances().select("user_id", "balance")
    both = (
        plan.join(booked.select("user_id", "amount"), on="user_id", how="left")
        .join(balances, on="user_id", how="left")
        .with_columns(pl.col("balance", "amount").fill_null(0))
        .select("user_id", "balance", pl.col("amount") + pl.col("balance_before"))
    )
    moving = _moving(both)
    if len(moving) > _MOVED_AT_MOST:
        return check_balances(context)
    if moving:
        both = _looked_at(context, both, moving)
    return balances_equal(both.select("user_id", "balance"), both.select("user_id", "amount"))


def _moving(both: pl.DataFrame) -> list[str]:
    """Users whose balance is not the amount beside it."""
    return both.filter(pl.col("balance") != pl.col("amount")).get_column("user_id").sort().to_list()


def _looked_at(context: BtcContext, both: pl.DataFrame, users: list[str]) -> pl.DataFrame:
    """The same rows, those of some users read again one by one."""
    looked = in_threads(partial(_look, context), users)
    again = pl.DataFrame(
        [(user, *columns) for user, columns in zip(users, looked, strict=True)], schema=both.schema, orient="row"
    )
    return both.update(again, on="user_id")


def _look(context: BtcContext, user_id: str) -> tuple[int, int]:
    """A user's balance and the sum of the rows, of one moment where there is one: the index of rows lags."""
    for look in range(_LOOKS):
        if look:
            context.sleep(_PAUSE)
        before = context.store.accounts.balances([user_id]).get(user_id)
        rows = context.store.ledger.all_of_user(user_id)
        after = context.store.accounts.balances([user_id]).get(user_id)
        applied = [row.amount for row in rows if row.state is RowState.APPLIED]
        if before == after and len(applied) == (after.version if after else 0):
            break
    return after.balance if after else 0, sum(applied)


def _all(context: BtcContext) -> Iterator[Batch]:
    cursor: str | None = None
    while True:
        page = context.store.batches.page(limit=_PAGE, cursor=cursor)
        yield from page.batches
        cursor = page.cursor
        if cursor is None:
            return

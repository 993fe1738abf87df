"""What the workers before have written and not noted: found by one query, so that it is not sent again.

Sending a chunk again is safe, but costs as much as the first time; reading its rows costs an eighth of that.
"""

from __future__ import annotations

import polars as pl

from batch_platform.btc.model import HOUSE, Batch, RowState
from batch_platform.btc.service.context import BtcContext
from batch_platform.btc.store import Outcome


def chunks_there(context: BtcContext, batch: Batch, rows: pl.DataFrame) -> dict[int, Outcome]:
    """What became of the chunks of `rows` (`user_id`, `amount`) from `chunks_done` on that are whole in the ledger.

    A chunk of which a row is missing or differs is not among them: writing it finds out.
    """
    first = batch.chunks_done * batch.chunk_users
    left = rows.slice(first)
    if batch.fencing < 2 or left.is_empty():
        return {}  # nobody was there before, or nothing is left
    since = left.item(0, "user_id")
    booked = context.store.ledger.rows(batch.batch_id, batch.shards, since=since).filter(pl.col("user_id") != HOUSE)
    if booked.is_empty():
        return {}
    # both are sorted by user: what comes after the last one in the ledger need not be looked at
    some = left.get_column("user_id").search_sorted(booked.item(-1, "user_id"), side="right")
    left = left.head(-(-some // batch.chunk_users) * batch.chunk_users)
    both = left.with_row_index("chunk", offset=first).join(booked, on="user_id", how="left", suffix="_booked")
    failed = pl.col("state") == RowState.FAILED
    there = failed | (pl.col("amount_booked") == pl.col("amount"))
    chunks = (
        both.group_by(pl.col("chunk") // batch.chunk_users)
        .agg(
            there.fill_null(False).all().alias("there"),
            pl.len().alias("rows"),
            pl.col("user_id").filter(failed).alias("failed"),
            pl.col("reason").filter(failed).fill_null("").alias("reasons"),
        )
        .filter("there")
    )
    found = {}
    for chunk, count, users, reasons in chunks.select("chunk", "rows", "failed", "reasons").iter_rows():
        applied = count - len(users)
        found[chunk] = Outcome(applied, already=applied, failed=dict(zip(users, reasons, strict=True)))
    return found

"""The master as files: a list for transfers in the layout of `ginkositen.txt`, and a table for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import polars as pl

from batch_platform.core.failures import Conflict
from batch_platform.core.messages import Message
from batch_platform.zengin.kana import TRANSFER_BYTES, export_kana, to_half_width, unexportable
from batch_platform.zengin.messages import and_more
from batch_platform.zengin.model import BANK_COLUMNS, BRANCH_COLUMNS

SHOWN: Final = 20
"""So many are named in an error's text; `rows` has all of them."""


class Unwritable(NamedTuple):
    """A bank or branch that a transfer file cannot carry, by key ("0001", "0001-001")."""

    key: str
    name: str
    why: Message


class UnwritableError(Conflict):
    """Rows of the master that a transfer file cannot carry."""

    exit_code = 1

    def __init__(self, rows: Sequence[Unwritable]) -> None:
        self.rows = rows
        named = ", ".join(f"{row.key} {row.name} ({row.why})" for row in rows[:SHOWN])
        super().__init__(
            "transfers-unwritable",
            "what cannot be written for transfers, {count} of the master: {rows}",
            count=len(rows),
            rows=and_more(named, len(rows) - SHOWN),
            field="format",
        )


def unwritable(banks: pl.DataFrame, branches: pl.DataFrame) -> tuple[Unwritable, ...]:
    """What a transfer file cannot carry whole, sorted by key."""
    rows = pl.concat(
        [
            banks.select(pl.col("bank_code").alias("key"), *_named("bank")),
            branches.select(pl.concat_str("bank_code", "branch_code", separator="-").alias("key"), *_named("branch")),
        ]
    ).sort("key")
    return tuple(Unwritable(key, name, why) for key, kana, name in rows.iter_rows() if (why := _obstacle(name, kana)))


def without(
    banks: pl.DataFrame, branches: pl.DataFrame, left_out: Sequence[Unwritable]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables without some keys; a bank takes its branches along."""
    keys = [row.key for row in left_out]
    kept = banks.filter(~pl.col("bank_code").is_in(keys))
    own = pl.concat_str("bank_code", "branch_code", separator="-")
    return kept, branches.filter(~own.is_in(keys)).join(kept, on="bank_code", how="semi")


def to_transfer(banks: pl.DataFrame, branches: pl.DataFrame) -> bytes:
    """Each bank, then its branches: codes, half-width kana, name, and 1 (bank) or 2 (branch); cp932, CRLF, quoted.

    A bank's branch code is 000. Kana have at most 15 bytes; a letter of a name that cp932 lacks becomes "?".
    """
    rows = pl.concat(
        [
            banks.select("bank_code", pl.lit("000").alias("branch_code"), *_named("bank"), kind=pl.lit("1")),
            branches.select("bank_code", "branch_code", *_named("branch"), kind=pl.lit("2")),
        ]
    ).sort("bank_code", "kind", "branch_code")
    kana = [export_kana(text) for text in rows.get_column("kana")]
    lines = rows.with_columns(kana=pl.Series(kana, dtype=pl.String())).select(
        "bank_code", "branch_code", "kana", "name", "kind"
    )
    text = lines.write_csv(include_header=False, quote_style="always", line_terminator="\r\n")
    return text.encode("cp932", errors="replace")


def to_csv(banks: pl.DataFrame, branches: pl.DataFrame) -> bytes:
    """Every branch with its bank, under column names, as UTF-8; a bank without branches has one row."""
    columns = [*BANK_COLUMNS, *BRANCH_COLUMNS[1:]]
    joined = banks.join(branches, on="bank_code", how="left").sort("bank_code", "branch_code").select(columns)
    return joined.write_csv().encode()


def _obstacle(name: str, kana: str) -> Message | None:
    """Why a row cannot be written; None when it can."""
    if odd := unexportable(kana):
        return Message("kana-unwritable", "its kana holds {letters}", letters=odd)
    half = to_half_width(kana).strip()
    if not half:
        return Message("kana-missing", "it has no kana")
    if len(half) > TRANSFER_BYTES:
        return Message(
            "kana-too-long", "its kana has {count} bytes, not {limit} at most", count=len(half), limit=TRANSFER_BYTES
        )
    try:
        name.encode("cp932")
    except UnicodeEncodeError as error:
        letters = name[error.start : error.end]
        return Message("name-unwritable", "its name holds {letters}, which cp932 lacks", letters=letters)
    return None


def _named(table: str) -> tuple[pl.Expr, pl.Expr]:
    return pl.col(f"{table}_kana").alias("kana"), pl.col(f"{table}_name").alias("name")

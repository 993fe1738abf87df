"""The master as files: a list for transfers in the layout of `ginkositen.txt`, and a table for everything else."""

from __future__ import annotations

import polars as pl

from batch_platform.zengin.kana import export_kana
from batch_platform.zengin.model import BANK_COLUMNS, BRANCH_COLUMNS


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


def _named(table: str) -> tuple[pl.Expr, pl.Expr]:
    return pl.col(f"{table}_kana").alias("kana"), pl.col(f"{table}_name").alias("name")

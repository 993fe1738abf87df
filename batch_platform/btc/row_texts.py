"""Rows of plans and balances as files of CSV and JSON, written by polars in slices, however many there are.

Amounts are BTC as texts with 8 decimals.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from batch_platform.btc.money import btc_texts

AMOUNTS: Final = frozenset({"balance_before", "amount", "balance_after", "balance"})
_AT_ONCE: Final = 10_000


def texts(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The columns as they are written."""
    return rows.select(btc_texts(name).alias(name) if name in AMOUNTS else pl.col(name) for name in columns)


def csv(rows: pl.DataFrame, columns: Sequence[str]) -> Iterator[str]:
    """The file in parts, the header first."""
    yield texts(rows.clear(), columns).write_csv()
    for part in rows.iter_slices(_AT_ONCE):
        yield texts(part, columns).write_csv(include_header=False)


def json(rows: pl.DataFrame, columns: Sequence[str]) -> Iterator[str]:
    """An array in parts, with a line for each row."""
    between = "["
    for part in rows.iter_slices(_AT_ONCE):
        # line breaks within a text are escaped: these are those between the rows
        yield between + texts(part, columns).write_ndjson().rstrip("\n").replace("\n", ",\n")
        between = ",\n"
    yield "]" if between != "[" else "[]"

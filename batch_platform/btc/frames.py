"""Rows of btc on standard output: CSV and JSON by polars, in slices however many there are; tables for people.

Amounts are BTC with 8 decimals, grouped by thousands only where people read them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Final

import polars as pl
import typer
from rich.table import Table

from batch_platform.btc.money import btc_texts, to_btc
from batch_platform.core.terminal import console, shown

SHOWN: Final = 200
"""Rows that people are shown; files have them all."""

_AMOUNTS: Final = frozenset({"balance_before", "amount", "balance_after", "balance"})
_AT_ONCE: Final = 50_000


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def frame(rows: pl.DataFrame, columns: Sequence[str], *, kind: Format) -> None:
    """Every row, as a file of CSV or JSON; people see the first ones."""
    if kind is Format.CSV:
        print_csv(rows, columns)
    elif kind is Format.JSON:
        print_json(rows, columns)
    else:
        print_table(rows.head(SHOWN), columns)
        if rows.height > SHOWN:
            typer.echo(f"… and {rows.height - SHOWN:,} more; --format csv has them all")


def texts(rows: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The columns as they are written, amounts in BTC."""
    return rows.select(btc_texts(name).alias(name) if name in _AMOUNTS else pl.col(name) for name in columns)


def print_csv(rows: pl.DataFrame, columns: Sequence[str]) -> None:
    typer.echo(texts(rows.clear(), columns).write_csv(), nl=False)
    for part in rows.iter_slices(_AT_ONCE):
        typer.echo(texts(part, columns).write_csv(include_header=False), nl=False)


def print_json(rows: pl.DataFrame, columns: Sequence[str]) -> None:
    """An array with a line for each row."""
    typer.echo("[", nl=False)
    between = "\n"
    for part in rows.iter_slices(_AT_ONCE):
        # the line breaks within a text are escaped: these are those between the rows
        typer.echo(between + texts(part, columns).write_ndjson().rstrip("\n").replace("\n", ",\n"), nl=False)
        between = ",\n"
    typer.echo("\n]")


def print_table(rows: pl.DataFrame, columns: Sequence[str]) -> None:
    told = [
        {name: grouped(value) if name in _AMOUNTS else shown(value) for name, value in row.items()}
        for row in rows.select(columns).iter_rows(named=True)
    ]
    print_rows(told, right=_AMOUNTS, empty="no rows")


def print_rows(rows: Sequence[Mapping[str, str]], *, right: Collection[str], empty: str) -> None:
    if not rows:
        typer.echo(empty)
        return
    table = Table(box=None)
    for name in rows[0]:
        table.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=name in right)
    for row in rows:
        table.add_row(*row.values())
    console().print(table)


def grouped(satoshi: int) -> str:
    """BTC for people."""
    return f"{to_btc(satoshi):,f}"

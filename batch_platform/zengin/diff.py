"""What turns one state of the master into another, one change a row, by joins. Rows are compared as they stand."""

from __future__ import annotations

from typing import Final

import polars as pl

from batch_platform.zengin.content import row_hashes, row_text
from batch_platform.zengin.model import (
    BANK_COLUMNS,
    BRANCH_COLUMNS,
    CHANGE_SCHEMA,
    VALUES,
    DiffType,
    Table,
)

_COLUMNS: Final = {Table.BANKS: BANK_COLUMNS, Table.BRANCHES: BRANCH_COLUMNS}
_PREFIX: Final = {Table.BANKS: "bank_", Table.BRANCHES: "branch_"}


def diff(
    old_banks: pl.DataFrame, old_branches: pl.DataFrame, new_banks: pl.DataFrame, new_branches: pl.DataFrame
) -> pl.DataFrame:
    """The changes from the old tables to the new ones, as `CHANGE_SCHEMA`, in the order in which they are applied.

    Frames are of `BANK_SCHEMA` and `BRANCH_SCHEMA` in any order, without nulls, each key once.
    """
    return in_order(
        pl.concat(
            [
                _table_diff(Table.BANKS, old_banks, new_banks),
                _table_diff(Table.BRANCHES, old_branches, new_branches),
            ]
        )
    )


def in_order(changes: pl.DataFrame) -> pl.DataFrame:
    """Bank upserts, branch upserts, branch deletions, bank deletions, by key: no row ever lacks its bank."""
    deletes = pl.col("diff_type") == DiffType.DELETION
    of_branch = pl.col("table") == Table.BRANCHES
    return changes.sort(deletes, pl.when(deletes).then(~of_branch).otherwise(of_branch), "key")


def apply(banks: pl.DataFrame, branches: pl.DataFrame, changes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The tables, sorted by key, after the changes of a `diff` made from them."""
    return _applied(Table.BANKS, banks, changes), _applied(Table.BRANCHES, branches, changes)


def inverse(changes: pl.DataFrame) -> pl.DataFrame:
    """The changes that undo these."""
    other_way = {DiffType.ADDITION: DiffType.DELETION, DiffType.DELETION: DiffType.ADDITION}
    return in_order(
        changes.with_columns(
            pl.col("diff_type").replace({str(kind): str(other) for kind, other in other_way.items()}),
            old=pl.col("new"),
            new=pl.col("old"),
            base_hash=pl.col("new_hash"),
            new_hash=pl.col("base_hash"),
        )
    )


def rows_of(changes: pl.DataFrame, table: Table, side: str = "new") -> pl.DataFrame:
    """One side (`old` or `new`) of the changes of a table, in the columns of that table; only rows that have it."""
    prefix = _PREFIX[table]
    return (
        changes.filter((pl.col("table") == table) & pl.col(side).is_not_null())
        .select("bank_code", "branch_code", pl.col(side).struct.field(*VALUES).name.prefix(prefix))
        .select(_COLUMNS[table])
    )


def _table_diff(table: Table, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
    sides = _shaped(table, old).join(
        _shaped(table, new), on=["bank_code", "branch_code"], how="full", suffix="_new", nulls_equal=True
    )
    was, becomes = pl.col("name").is_not_null(), pl.col("name_new").is_not_null()
    differs = pl.any_horizontal(pl.col(value).ne_missing(pl.col(f"{value}_new")) for value in VALUES)
    changed = sides.filter(differs).with_columns(
        pl.coalesce("bank_code", "bank_code_new").alias("bank_code"),
        pl.coalesce("branch_code", "branch_code_new").alias("branch_code"),
    )
    code = ["bank_code"] if table is Table.BANKS else ["bank_code", "branch_code"]
    new_values = [f"{value}_new" for value in VALUES]
    texts = changed.select(row_text([*code, *VALUES]).alias("old"), row_text([*code, *new_values]).alias("new"))
    old_row = pl.struct(*VALUES)
    new_row = pl.struct(pl.col(f"{value}_new").alias(value) for value in VALUES)
    return changed.select(
        pl.lit(str(table)).alias("table"),
        pl.concat_str(*code, separator="-").alias("key"),
        "bank_code",
        "branch_code",
        pl.when(~was)
        .then(pl.lit(str(DiffType.ADDITION)))
        .when(~becomes)
        .then(pl.lit(str(DiffType.DELETION)))
        .otherwise(pl.lit(str(DiffType.UPDATE)))
        .alias("diff_type"),
        pl.when(was).then(old_row).alias("old"),
        pl.when(becomes).then(new_row).alias("new"),
        row_hashes(texts.get_column("old")).alias("base_hash"),
        row_hashes(texts.get_column("new")).alias("new_hash"),
    ).match_to_schema(pl.Schema(CHANGE_SCHEMA))


def _shaped(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """A table under the column names both share; the branch code of a bank is null."""
    prefix = _PREFIX[table]
    branch_code = pl.lit(None, dtype=pl.String()).alias("branch_code") if table is Table.BANKS else "branch_code"
    return frame.select("bank_code", branch_code, *(pl.col(f"{prefix}{value}").alias(value) for value in VALUES))


def _applied(table: Table, frame: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    key = ["bank_code"] if table is Table.BANKS else ["bank_code", "branch_code"]
    mine = changes.filter(pl.col("table") == table)
    return pl.concat([frame.join(mine, on=key, how="anti"), rows_of(mine, table)]).sort(key)

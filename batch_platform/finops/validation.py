"""Whether one normalised file may become money: the first row that may not names itself.

A cell that is no number is counted where its row's type does not use it, and refused where it does; so is a row
without unblended cost, currency or type, one of another billing period, and one whose account id a spreadsheet took
for a number. Costs of split cost allocation are copies that are left out, so nothing is asked of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import polars as pl

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops.columns import Layout
from batch_platform.finops.model import MONEY, Format
from batch_platform.finops.normalize import NUMBER_COLUMNS

USED_BY_TYPE: Final = {
    "DiscountedUsage": ("ri_effective_cost", "ri_net_effective_cost"),
    "RIFee": (
        "ri_unused_upfront",
        "ri_unused_recurring",
        "ri_amortized_upfront",
        "ri_net_unused_upfront",
        "ri_net_unused_recurring",
    ),
    "SavingsPlanCoveredUsage": ("sp_effective_cost", "sp_net_effective_cost"),
    "SavingsPlanRecurringFee": (
        "sp_total_commitment",
        "sp_used_commitment",
        "sp_amortized_upfront",
        "sp_net_amortized_upfront",
        "sp_net_recurring",
    ),
}
"""The money columns a row's type uses beyond its unblended cost (measures.sql)."""

_USED_BY_ALL: Final = {
    Format.CUR_LEGACY: ("unblended_cost", "net_unblended_cost"),
    Format.CUR2: ("unblended_cost", "net_unblended_cost"),
    Format.FOCUS: ("billed_cost", "effective_cost", "list_cost"),
}
_NEVER_BLANK: Final = {
    Format.CUR_LEGACY: ("unblended_cost",),
    Format.CUR2: ("unblended_cost",),
    Format.FOCUS: ("billed_cost", "effective_cost"),
}


@dataclass(frozen=True)
class FileFacts:
    """What the tables keep of a file: rows, and by column cells that are no number and entries of maps that are lost.

    `repeated_keys` are entries whose key stands again in the same map of a Parquet file: the last one is kept.
    """

    row_count: int
    failed_cells: dict[str, int]
    columns: tuple[str, ...]
    format: Format
    repeated_keys: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Rule:
    column: str
    complaint: str
    broken: pl.Expr


def check_file(rows: pl.LazyFrame, layout: Layout, *, month: date, where: str) -> FileFacts:
    """The facts of a normalised file of `month`.

    Raises `PermanentFailure` naming file, row (1 is the first after the header) and column of the first fault.
    """
    rules = _rules(layout, month)
    numbers = (*layout.money, *layout.figures)
    verdict = (
        rows.with_row_index("# row", offset=1)
        .select(
            pl.len().alias("rows"),
            *(pl.when(rule.broken).then("# row").min().alias(f"rule {i}") for i, rule in enumerate(rules)),
            *(_has_failed(name).sum().alias(f"failed {name}") for name in numbers),
        )
        .collect(engine="streaming")
    )
    row = verdict.row(0, named=True)
    faults = [(row[f"rule {i}"], rule) for i, rule in enumerate(rules) if row[f"rule {i}"] is not None]
    if faults:
        at, rule = min(faults, key=lambda fault: fault[0])
        raise PermanentFailure(
            "bad-cell",
            "{where}: row {row}, column {column}: {reason}",
            where=where,
            row=at,
            column=rule.column,
            reason=rule.complaint,
        )
    spelled = layout.spelled
    return FileFacts(
        row_count=row["rows"],
        failed_cells={spelled[name]: n for name in numbers if (n := row[f"failed {name}"])},
        columns=(*sorted(set(spelled.values())), *layout.carried),
        format=layout.format,
    )


def raw_totals(files: Sequence[pl.LazyFrame], *, accounts: tuple[str, ...] | None) -> dict[str, str]:
    """Cost by currency straight from the line items, by another engine than the one that groups them."""
    names = files[0].collect_schema().names()
    cost = "billed_cost" if "billed_cost" in names else "unblended_cost"
    # of other columns, files of an older lake have different types
    rows = pl.concat([rows.select("currency", "usage_account_id", "split_allocation", cost) for rows in files])
    if accounts is not None:
        rows = rows.filter(pl.col("usage_account_id").is_in(accounts))
    totals = (
        rows.filter(~pl.col("split_allocation"))
        .group_by("currency")
        .agg(pl.col(cost).cast(MONEY).sum())
        .sort("currency")
        .collect(engine="streaming")
    )
    return {currency: f"{total:f}" for currency, total in totals.iter_rows()}


def _rules(layout: Layout, month: date) -> list[_Rule]:
    spelled = layout.spelled
    kind = pl.col("line_item_type")
    counted = ~pl.col("split_allocation")
    first = pl.lit(month)
    accounts = ("usage_account_id", "payer_account_id")
    # FOCUS: the null account of what the payer's organisation owes as a whole
    optional = {"usage_account_id"} if layout.format is Format.FOCUS else set()
    rules = [
        _Rule(
            spelled["billing_period_start"],
            f"not of the billing period {month:%Y-%m}",
            (pl.col("billing_period") != first).fill_null(True),
        ),
        *(
            _Rule(spelled[name], "blank", pl.col(name).is_null())
            for name in ("line_item_type", *accounts, "currency")
            if name not in optional
        ),
        *(_Rule(spelled[name], "not an account id of 12 digits", _no_account(name, layout)) for name in accounts),
    ]
    not_a_code = pl.col("currency").is_not_null() & ~pl.col("currency").str.contains("^[A-Z]{3}$").fill_null(False)
    rules.append(_Rule(spelled["currency"], "not a currency code", not_a_code))
    for name in _NEVER_BLANK[layout.format]:
        blank = pl.col(name).is_null() & ~_has_failed(name)
        rules.append(_Rule(spelled[name], "blank", counted & blank))
    used = [name for name in _USED_BY_ALL[layout.format] if name in layout.money]
    rules += [_Rule(spelled[name], "not a number", counted & _has_failed(name)) for name in used]
    for line_type, names in USED_BY_TYPE.items():
        for name in (name for name in names if name in layout.money):
            complaint = f"not a number, in a row of type {line_type}, which uses it"
            rules.append(_Rule(spelled[name], complaint, (kind == line_type) & counted & _has_failed(name)))
    return rules


def _no_account(name: str, layout: Layout) -> pl.Expr:
    """What is no account id: 1.23457E+11, 123456789012.0, one without its leading zeros. FOCUS may name accounts."""
    account = pl.col(name)
    # a number of that length, which is told at a fifth of what a pattern costs
    number = account.cast(pl.UInt64, strict=False)
    wrong = number.is_null() | (account.str.len_bytes() < 12) | account.str.starts_with("+")
    if layout.format is Format.FOCUS:
        wrong &= account.str.contains(r"^[0-9.,]+([Ee][+-]?[0-9]+)?$")
    return account.is_not_null() & wrong


def _has_failed(name: str) -> pl.Expr:
    bit = pl.lit(1 << NUMBER_COLUMNS.index(name), dtype=pl.UInt32)
    return (pl.col("failed_cells") & bit) != 0

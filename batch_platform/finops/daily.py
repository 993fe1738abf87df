"""Exact arithmetic on daily series, shared by `anomalies` and `forecast`.

Amounts are widened to scale 18 (`EXACT`): a half of a scale-12 amount, and its product with a constant of
four decimals, then lose no digit. Polars divides Decimals half-even at the larger scale and raises on
overflow; its own `median` and `mean` go to float and are not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import polars as pl

EXACT: Final = pl.Decimal(38, 18)
WEEK: Final = 7


def median(values: pl.Expr) -> pl.Expr:
    """The middle value, or half the sum of the two middle ones; null of no values. `values` is `EXACT`."""
    ordered, count = values.sort(), values.len()
    lower = ordered.get((count.cast(pl.Int64) - 1) // 2, null_on_oob=True)
    upper = ordered.get(count // 2, null_on_oob=True)
    half = pl.lit(Decimal("0.5"), dtype=EXACT)  # no constant: a literal Decimal loads numpy, which few commands need
    return (lower + upper) * half


def complete(daily: pl.DataFrame, keys: Sequence[str], last: date) -> pl.DataFrame:
    """One row per key and day from the key's first day to `last`; a day without a row is a day of zero cost.

    Takes usage_date, the keys and amount, in any order and any number of rows per day; gives keys, usage_date
    and amount (`EXACT`) sorted by keys and day.
    """
    observed = (
        daily.filter(pl.col("usage_date") <= last)
        .group_by(*keys, "usage_date")
        .agg(pl.col("amount").cast(EXACT).sum())
    )
    days = pl.date_ranges(pl.col("usage_date").min(), last)
    grid = observed.group_by(*keys).agg(days.alias("usage_date").first()).explode("usage_date")
    return (
        grid.join(observed, on=[*keys, "usage_date"], how="left", nulls_equal=True)
        .with_columns(pl.col("amount").fill_null(pl.lit(Decimal(0), dtype=EXACT)))
        .sort(*keys, "usage_date")
    )

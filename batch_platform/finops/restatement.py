"""What AWS changed in a month that was already final."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import polars as pl

from batch_platform.finops.model import MONEY

KEYS: Final = ("usage_account_id", "service", "charge_class", "currency")
RESTATED_MEASURES: Final = ("unblended", "amortized", "net_unblended")


def difference(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """The groups of `KEYS` in which any of `RESTATED_MEASURES` differs between two versions of one month.

    Both are cost summaries. Gives `KEYS`, then unblended_before, unblended_after, amortized_before,
    amortized_after, net_unblended_before and net_unblended_after (`MONEY`, in the row's currency; zero where
    that version has no such group), sorted by `KEYS`. Empty if and only if the versions agree group by group.
    """
    differs = pl.any_horizontal(
        pl.col(f"{measure}_before") != pl.col(f"{measure}_after") for measure in RESTATED_MEASURES
    )
    return (
        pl.concat([_side(before, "before", "after"), _side(after, "after", "before")])
        .group_by(*KEYS)
        .agg(pl.all().sum())
        .filter(differs)
        .sort(*KEYS)
    )


def _side(summary: pl.DataFrame, side: str, other: str) -> pl.DataFrame:
    """The rows of one version, their measures under the names of its side, zeros under the other's."""
    zero = pl.lit(Decimal(0), dtype=MONEY)
    values = {f"{measure}_{side}": pl.col(measure) for measure in RESTATED_MEASURES}
    zeros = {f"{measure}_{other}": zero for measure in RESTATED_MEASURES}
    columns = [f"{measure}_{end}" for measure in RESTATED_MEASURES for end in ("before", "after")]
    return summary.select(*KEYS, **values, **zeros).select(*KEYS, *columns)


def restated_months(rows: pl.DataFrame) -> list[dict[str, Any]]:
    """Restatements summed: one row a month, delivery and currency, newest first."""
    if rows.is_empty():
        return []
    return (
        rows.group_by("billing_month", "from_version", "to_version", "detected_at", "reason", "currency")
        .agg(
            pl.len().alias("groups"),
            pl.col("unblended_before").sum().alias("before"),
            pl.col("unblended_after").sum().alias("after"),
        )
        .with_columns(difference=pl.col("after") - pl.col("before"))
        .sort("detected_at", "billing_month", "currency", descending=[True, True, False])
        .to_dicts()
    )

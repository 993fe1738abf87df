"""Cost reports: one month of one project, in one measure, one `Report` per currency.

A report carries what its figures mean: measure, currency, state of the month and the manifest version they
were computed from. Amounts are Decimals at scale 12 and leave as plain digits; nothing is rounded and nothing
is summed across currencies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from io import BytesIO
from typing import Final

import polars as pl

from batch_platform.core.failures import InvalidInput
from batch_platform.finops.model import MEASURES, REPORT_MEASURES, ZERO

GROUPS: Final = {
    "service": "service",
    "account": "usage_account_id",
    "region": "region",
    "charge_class": "charge_class",
    "day": "usage_date",
}
"""What users call a group -> the column that holds it."""

TOTALS: Final = {
    **REPORT_MEASURES,
    **{column: column for column in MEASURES if column not in REPORT_MEASURES.values()},
}
"""The name of each total -> its column."""

FORMULA_START: Final = r"^[=+\-@\t\r\n]"
"""What a spreadsheet may run as a formula (OWASP, "CSV Injection")."""

_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, eq=False)
class Report:
    """`rows`: the columns of `group_by`, then amount (`MONEY`); `totals`: a sum for each of `TOTALS`.

    `currency` is None only for an empty month whose currency nobody knows.
    """

    project_id: str
    month: str
    state: str
    manifest_version: str | None
    currency: str | None
    measure: str
    group_by: tuple[str, ...]
    rows: pl.DataFrame
    totals: Mapping[str, Decimal]


def build(
    summary: pl.DataFrame,
    *,
    project_id: str,
    month: str,
    state: str,
    manifest_version: str | None,
    measure: str,
    group_by: Sequence[str],
    currency: str | None = None,
) -> list[Report]:
    """The reports of one month (YYYY-MM), one per currency of its cost summary, by currency.

    `measure` is a name of `REPORT_MEASURES`, `group_by` any of `GROUPS`, each once, in the order of the
    columns wanted; none gives one row with the total. Rows stand by amount, the largest first, then by their
    keys; grouped by day, by day first. An empty summary gives one report without rows, its totals zero, in
    `currency`. Raises InvalidInput for an unknown month, measure or group.
    """
    _first_day(month)
    _require(measure, REPORT_MEASURES, "measure")
    for group in group_by:
        _require(group, GROUPS, "group_by")
    if len(set(group_by)) < len(group_by):
        raise InvalidInput(
            "group-twice", "group_by names a group twice: {groups}", groups=list(group_by), field="group_by"
        )
    currencies = summary.get_column("currency").unique().sort().to_list() or [currency]
    parts = [summary.filter(pl.col("currency") == name) if name else summary for name in currencies]
    return [
        Report(
            project_id=project_id,
            month=month,
            state=str(state),
            manifest_version=manifest_version,
            currency=name,
            measure=measure,
            group_by=tuple(group_by),
            rows=_rows(part, REPORT_MEASURES[measure], group_by),
            totals=_totals(part),
        )
        for name, part in zip(currencies, parts, strict=True)
    ]


def to_json(report: Report) -> dict[str, object]:
    """The report as values `json.dumps` takes: amounts as plain decimal strings, days as YYYY-MM-DD."""
    rows = report.rows.with_columns(pl.col(pl.Date).dt.to_string("%Y-%m-%d"), pl.col("amount").cast(pl.String))
    return {
        "project_id": report.project_id,
        "month": report.month,
        "state": report.state,
        "manifest_version": report.manifest_version,
        "currency": report.currency,
        "measure": report.measure,
        "group_by": list(report.group_by),
        "rows": rows.to_dicts(),
        "totals": {name: format(total, "f") for name, total in report.totals.items()},
    }


def to_csv(reports: Sequence[Report]) -> str:
    """The rows of all reports of one `build`, each with what its figures mean; text safe in a spreadsheet."""
    return _csv(_table(reports))


def to_parquet(reports: Sequence[Report]) -> bytes:
    """The same table as `to_csv` as one Parquet file; amount is Decimal(38, 12), day a date."""
    buffer = BytesIO()
    _table(reports).write_parquet(buffer)
    return buffer.getvalue()


def _require(value: str, allowed: Mapping[str, str], field: str) -> None:
    if value not in allowed:
        raise InvalidInput(
            "not-one-of",
            "{field} must be one of {choices}, not {value}",
            choices=list(allowed),
            value=repr(value),
            field=field,
        )


def _first_day(month: str) -> date:
    if not _MONTH.fullmatch(month):
        raise InvalidInput("no-month", "{text} is not a month; write YYYY-MM", text=repr(month), field="month")
    return date.fromisoformat(f"{month}-01")


def _rows(summary: pl.DataFrame, column: str, group_by: Sequence[str]) -> pl.DataFrame:
    """The groups and their amounts in the order `build` promises."""
    day_first = ["day"] if "day" in group_by else []
    others = [group for group in group_by if group != "day"]
    order = [*day_first, "amount", *others]
    # The constant key makes a total of an empty group_by.
    named = summary.select(pl.lit(0).alias("all"), amount=column, **{group: GROUPS[group] for group in group_by})
    return (
        named.group_by("all", *group_by)
        .agg(pl.col("amount").sum())
        .drop("all")
        .sort(order, descending=[key == "amount" for key in order], nulls_last=True)
    )


def _totals(summary: pl.DataFrame) -> dict[str, Decimal]:
    sums = summary.select(pl.col(column).sum().alias(name) for name, column in TOTALS.items())
    return {name: ZERO + total for name, total in sums.row(0, named=True).items()}


def _table(reports: Sequence[Report]) -> pl.DataFrame:
    """The rows of the reports under one another, with the meaning of each figure in front."""
    if not reports:
        raise ValueError("build() gives at least one report")
    return pl.concat(
        report.rows.select(
            *(
                pl.lit(getattr(report, name), dtype=pl.String).alias(name)
                for name in ("project_id", "month", "state", "manifest_version", "currency", "measure")
            ),
            *report.group_by,
            "amount",
        )
        for report in reports
    )


def _csv(table: pl.DataFrame) -> str:
    """CSV with a header. Text that a spreadsheet would run gets an apostrophe; numbers stay numbers."""
    text = pl.col(pl.String)
    safe = pl.when(text.str.contains(FORMULA_START)).then(pl.lit("'") + text).otherwise(text)
    return table.with_columns(safe.name.keep()).write_csv()

"""Published line items -> a file in the columns of FOCUS 1.2, CSV or Parquet; README.md tells what is left out.

A row is what the line items of a day have in common: account, service, region, charge, resource, usage type, text,
price and invoice. The rows stay on disk from the first to the last, so that a month of any size needs little memory.
"""

# DuckDB views over file and column names take no parameters; what users write is bound
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import polars as pl

from batch_platform.core.sql import load
from batch_platform.finops.groups import Group
from batch_platform.finops.keys import Key
from batch_platform.finops.lake_costs import KEYS, Expression, Month, Selection, measured, require_column, values_of
from batch_platform.finops.line_items import LineItemFiles
from batch_platform.finops.model import MONEY, Format
from batch_platform.finops.report import FORMULA_START
from batch_platform.finops.service_categories import CATEGORIES
from batch_platform.finops.summary import LINE_ITEM_COLUMNS, of_month, quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Kind = Literal["csv", "parquet"]
Months = tuple[Month, Mapping[Group, Key | None]]
"""A month's line items, and its tags and cost categories that are asked for (`lake_costs.known_keys`)."""

MEASURES: Final = ("billed", "amortized", "list_cost")
"""What BilledCost, EffectiveCost and ListCost add up to."""

_TEXT: Final = pl.String()
_INSTANT: Final = pl.Datetime("us")

SCHEMA: Final[Mapping[str, pl.DataType]] = {
    "BilledCost": MONEY,
    "BillingAccountId": _TEXT,
    "BillingAccountName": _TEXT,
    "BillingCurrency": _TEXT,
    "BillingPeriodEnd": _INSTANT,
    "BillingPeriodStart": _INSTANT,
    "ChargeCategory": _TEXT,
    "ChargeClass": _TEXT,
    "ChargeDescription": _TEXT,
    "ChargeFrequency": _TEXT,
    "ChargePeriodEnd": _INSTANT,
    "ChargePeriodStart": _INSTANT,
    "CommitmentDiscountCategory": _TEXT,
    "CommitmentDiscountId": _TEXT,
    "CommitmentDiscountStatus": _TEXT,
    "CommitmentDiscountType": _TEXT,
    "ContractedCost": MONEY,
    "EffectiveCost": MONEY,
    "InvoiceId": _TEXT,
    "InvoiceIssuerName": _TEXT,
    "ListCost": MONEY,
    "PricingCategory": _TEXT,
    "PricingQuantity": MONEY,
    "PricingUnit": _TEXT,
    "ProviderName": _TEXT,
    "PublisherName": _TEXT,
    "RegionId": _TEXT,
    "ResourceId": _TEXT,
    "ServiceCategory": _TEXT,
    "ServiceName": _TEXT,
    "SubAccountId": _TEXT,
}
"""The columns; instants are UTC, ends exclusive, amounts in BillingCurrency."""

_ITEMS: Final = (
    *("description", "invoice_id", "commitment_arn", "resource_id", "usage_type", "pricing_unit", "pricing_term"),
    *("payer_account_name", "invoice_issuer", "publisher"),
)
_FOCUS_ITEMS: Final = (*_ITEMS, "service_category", "correction")
_YOUNGER: Final = frozenset({"payer_account_name", "invoice_issuer", "publisher", "correction"})
"""Columns that line items read before them lack; FOCUS has a value for what is not told."""

_WHOLE_SUM: Final = "CASE WHEN count({0}) = count(*) THEN sum({0}) END"
_FIGURES: Final = {"usage_amount": _WHOLE_SUM.format("usage_amount")}
_FOCUS_FIGURES: Final = {
    "pricing_quantity": _WHOLE_SUM.format("pricing_quantity"),
    # without negotiated discounts it is the list cost
    "contracted_cost": "sum(coalesce(contracted_cost, list_cost))",
}

_FIRST: Final = (
    *(
        "BillingPeriodStart",
        "ChargePeriodStart",
        "BillingAccountId",
        "SubAccountId",
        "BillingCurrency",
        "ServiceName",
    ),
    *("RegionId", "ResourceId", "ChargeCategory", "ChargeDescription"),
)


def write(
    engine: DuckDBPyConnection,
    months: Iterable[Months],
    selection: Selection,
    kind: Kind,
    *,
    to: Path,
    scratch: Path,
) -> pl.DataFrame:
    """Write the selected costs of some months to the file `to`; their `MEASURES` by currency.

    `selection` has no groups; `scratch` is a folder of files that may go. Raises `Conflict` for a month that was
    read before the lake kept what FOCUS needs.
    """
    services = pl.DataFrame({"service": list(CATEGORIES), "category_of_service": list(CATEGORIES.values())})
    services.write_parquet(scratch / "services.parquet")
    engine.execute(
        f"CREATE VIEW service_categories AS FROM read_parquet({quoted(str(scratch / 'services.parquet'))})"
    )
    empty = scratch / "month-none.parquet"
    pl.DataFrame(schema=dict(SCHEMA)).write_parquet(empty)
    parts = [empty]
    for number, (month, known) in enumerate(months):
        if month.files:
            parts.append(scratch / f"month-{number}.parquet")
            rows = _rows(engine, month, selection, known)
            engine.execute(f"COPY ({rows}) TO {quoted(str(parts[-1]))} (COMPRESSION zstd)")
            engine.execute("DROP TABLE grouped")
    columns = ", ".join(_written(name, dtype, kind) for name, dtype in SCHEMA.items())
    order = ", ".join(dict.fromkeys((*_FIRST, *SCHEMA)))
    files = ", ".join(quoted(str(part)) for part in parts)
    rows = f"SELECT {columns} FROM (FROM read_parquet([{files}]) ORDER BY {order})"
    form = "FORMAT csv, HEADER true" if kind == "csv" else "FORMAT parquet, COMPRESSION zstd"
    engine.execute("SET preserve_insertion_order = true; SET TimeZone = 'UTC'")
    engine.execute(f"COPY ({rows}) TO {quoted(str(to))} ({form})")
    costs = pl.scan_parquet(parts).group_by(currency="BillingCurrency")
    return costs.agg(
        billed=pl.sum("BilledCost"), amortized=pl.sum("EffectiveCost"), list_cost=pl.sum("ListCost")
    ).collect()


def _rows(engine: DuckDBPyConnection, month: Month, selection: Selection, known: Mapping[Group, Key | None]) -> str:
    """A query of the month's rows in the columns of `SCHEMA`."""
    of_focus = month.format is Format.FOCUS
    names, figures = (_FOCUS_ITEMS, _FOCUS_FIGURES) if of_focus else (_ITEMS, _FIGURES)
    items = LineItemFiles(engine, month.files)
    for name in (*names, *figures):
        if name not in _YOUNGER:
            require_column(items, name, month)
    query = measured(
        engine,
        items,
        month,
        selection,
        values_of(selection, items, month, known),
        more={
            **{name: _text_of(name) for name in names if name not in LINE_ITEM_COLUMNS},
            **{name: _figure_of(name) for name in figures},
        },
        by={**{name: name for name in names}, **figures},
        used=KEYS,
    )
    statements = load("batch_platform.finops.sql")
    rows = statements["focus_focus" if of_focus else "cur_focus"].as_string().replace("$measures", query)
    return of_month(statements["focus_rows"].as_string(), month.month).replace("$rows", rows)


def _text_of(name: str) -> Expression:
    return lambda files: files.text(name)


def _figure_of(name: str) -> Expression:
    return lambda files: files.columns.get(name, "NULL::DECIMAL(38, 12)")


def _written(name: str, dtype: pl.DataType, kind: Kind) -> str:
    """A column as the file has it. Text that a spreadsheet would run gets an apostrophe in CSV."""
    if dtype == _INSTANT:
        shown = f"strftime({name}, '%Y-%m-%dT%H:%M:%SZ')" if kind == "csv" else f"{name}::TIMESTAMPTZ"
        return f"{shown} AS {name}"
    if dtype == _TEXT and kind == "csv":
        runs = f"regexp_matches({name}, {quoted(FORMULA_START)})"
        return f"CASE WHEN {runs} THEN '''' || {name} ELSE {name} END AS {name}"
    return name

"""One delivered file as one normalised frame: exact decimals, dates, and one service name a row.

Every text cell is read as text and cast here, by one engine, so that no reader guesses a type. The cast takes plain
and scientific notation, rounds half-even to 12 decimals, and leaves a null where a cell is not a number; which
column it was stands in `failed_cells`, one bit a number column in the order of `NUMBER_COLUMNS`.

Frame (a row a line item, in the file's order)
    line_item_type, service, region, usage_account_id, payer_account_id, currency, invoice_id, commitment_arn  text
    usage_date, billing_period                                       dates (UTC, as delivered; not yet clamped)
    split_allocation                                                 true: a copy of cost that stands elsewhere
    resource_id, usage_type, operation, description, pricing_unit, pricing_term                      text
    publisher, FOCUS: service_category, correction (ChargeClass)     text
    payer_account_name, invoice_issuer, where the file has them      text
    usage_amount, FOCUS: pricing_quantity, contracted_cost           Decimal(38, 12), null where blank or failed
    split_cost, unused_split_cost and net ones, where the file has them   likewise
    money columns of the file's layout                               Decimal(38, 12), null where blank or failed
    failed_cells                                                     bit set of cells that hold no number
    tags, cost categories, unknown columns                           text, maps as JSON; under their own names, but a
                                                                     name of this list gets `#delivered` behind it
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops.columns import (
    CUR_FIGURES,
    CUR_MONEY,
    CUR_SPLIT_FIGURES,
    CUR_TEXT,
    FOCUS_FIGURES,
    FOCUS_MONEY,
    FOCUS_TEXT,
    Layout,
    recognise,
)
from batch_platform.finops.csv_scan import scan_columns
from batch_platform.finops.model import MONEY, Format
from batch_platform.finops.parquet_columns import as_account, as_text, entry, is_text

NUMBER_COLUMNS: Final = tuple(
    dict.fromkeys((*CUR_MONEY, *FOCUS_MONEY, *CUR_FIGURES, *FOCUS_FIGURES, *CUR_SPLIT_FIGURES))
)

_OURS: Final = frozenset(
    {*NUMBER_COLUMNS, *CUR_TEXT, *FOCUS_TEXT}
    | {"service", "commitment_arn", "split_allocation", "usage_date", "billing_period", "failed_cells"}
)

# A Parquet double carries the ten decimals AWS computes with and noise after them.
_DOUBLE_SCALE: Final = 10

_SPLIT_OPERATIONS: Final = ("EKSPod-EC2", "ECSTask-EC2")
_MARKETPLACE: Final = "AWS Marketplace"

_KEPT: Final = (
    *("resource_id", "usage_type", "operation", "description", "pricing_unit", "pricing_term"),
    *("payer_account_name", "invoice_issuer", "publisher"),
)
"""Text that decides no cost; it says what the cost was for."""
_SELDOM: Final = frozenset({"payer_account_name", "invoice_issuer"})
"""Columns that are left out where a file has none: even a column of nulls takes its time to write."""
_FOCUS_KEPT: Final = (*_KEPT, "service_category", "correction")
DISCOUNT_TYPES: Final = (
    "EdpDiscount",
    "PrivateRateDiscount",
    "BundledDiscount",
    "RiVolumeDiscount",
    "SppDiscount",
    "Discount",
)


def normalise_csv(path: Path, *, header: list[str], where: str) -> tuple[Layout, pl.LazyFrame]:
    """The frame of a CSV file (plain or gzip). `header` is its first record; `where` names it in errors."""
    names = unique_names(header)
    layout = recognise(names, where=where)
    columns = (*layout.spelled.values(), *layout.carried)
    return layout, _normalise(scan_columns(path, header=names, columns=columns, where=where), layout, where=where)


def normalise_parquet(path: Path, *, where: str) -> tuple[Layout, pl.LazyFrame]:
    """The frame of a Parquet file; its doubles are cast at the ten decimals AWS computes with."""
    frame = pl.scan_parquet(path)
    types = frame.collect_schema()
    layout = recognise(types.names(), where=where)
    accounts = {layout.text[name] for name in ("usage_account_id", "payer_account_id")}
    as_they_are = {theirs for theirs in layout.text.values() if types[theirs].is_temporal()}
    as_they_are |= {layout.text["product_map"]} if "product_map" in layout.text else set()
    text = {*layout.text.values(), *layout.carried} - as_they_are
    text |= {theirs for theirs in (*layout.money.values(), *layout.figures.values()) if is_text(types[theirs])}
    frame = frame.with_columns(
        (as_account if name in accounts else as_text)(name, types[name]).alias(name) for name in text
    )
    return layout, _normalise(frame, layout, where=where)


def unique_names(header: list[str]) -> list[str]:
    """Names as delivered; a name that comes again gets its position, so that no column is lost."""
    seen: set[str] = set()
    names = []
    for position, name in enumerate(header):
        unique = name if name not in seen else f"{name}#{position}"
        seen.add(unique)
        names.append(unique)
    return names


def _normalise(frame: pl.LazyFrame, layout: Layout, *, where: str) -> pl.LazyFrame:
    source = frame.select(
        *(pl.col(theirs).alias(ours) for ours, theirs in layout.spelled.items()),
        *(pl.col(name).alias(_carried_as(name)) for name in layout.carried),
    )
    types = source.collect_schema()
    text = {name: pl.col(name) for name in layout.text}
    money = {name: _money(name, theirs, types[name], where=where) for name, theirs in layout.money.items()}
    figures = {name: _figure(name, types[name]) for name in layout.figures}
    focus = layout.format is Format.FOCUS
    build = _focus_columns if focus else _cur_columns
    return source.select(
        **build(text, types),
        **{
            name: text.get(name, pl.lit(None, dtype=pl.String))
            for name in (_FOCUS_KEPT if focus else _KEPT)
            if name in text or name not in _SELDOM
        },
        **{name: pl.lit(None, dtype=MONEY) for name in (FOCUS_FIGURES if focus else CUR_FIGURES)} | figures,
        **money,
        failed_cells=_failed_cells(money | figures),
        **{name: pl.col(name) for name in map(_carried_as, layout.carried)},
    )


def _carried_as(name: str) -> str:
    """A column's own name, or a marked one where it is ours (DuckDB does not tell upper from lower case)."""
    return f"{name}#delivered" if name.lower() in _OURS else name


def _cur_columns(text: dict[str, pl.Expr], types: pl.Schema) -> dict[str, pl.Expr]:
    blank = pl.lit(None, dtype=pl.String)
    product_name = text.get("product_name")
    if product_name is None and "product_map" in types:
        value = entry("product_map", "product_name", types["product_map"])
        product_name = pl.when(value != "").then(value)
    service = pl.coalesce(text.get("service_code", blank), text["product_code"])
    if product_name is not None and "billing_entity" in text:
        by_name = (text["billing_entity"] == _MARKETPLACE) & ~text["line_item_type"].is_in(DISCOUNT_TYPES)
        service = pl.when(by_name & product_name.is_not_null()).then(product_name).otherwise(service)
    split = text["operation"].is_in(_SPLIT_OPERATIONS) if "operation" in text else pl.lit(False)
    if "split_parent_id" in text:
        split = split | text["split_parent_id"].is_not_null()
    return {
        **{name: text[name] for name in ("line_item_type", "usage_account_id", "payer_account_id")},
        "currency": text["currency"],
        "invoice_id": text["invoice_id"],
        "service": service,
        "region": pl.coalesce(text.get("region_code", blank), text.get("region", blank)),
        "commitment_arn": pl.coalesce(text.get("reservation_arn", blank), text.get("savings_plan_arn", blank)),
        "split_allocation": split.fill_null(False),
        "usage_date": _date("usage_start", types),
        "billing_period": _date("billing_period_start", types),
    }


def _focus_columns(text: dict[str, pl.Expr], types: pl.Schema) -> dict[str, pl.Expr]:
    blank = pl.lit(None, dtype=pl.String)
    one_time = text.get("charge_frequency", blank) == "One-Time"
    unused = text.get("commitment_status", blank) == "Unused"
    kind = text["line_item_type"]
    return {
        "line_item_type": pl.when((kind == "Purchase") & one_time)
        .then(pl.lit("Purchase One-Time"))
        .when((kind == "Usage") & unused)
        .then(pl.lit("Usage Unused"))
        .otherwise(kind),
        **{name: text[name] for name in ("usage_account_id", "payer_account_id", "currency", "service")},
        "invoice_id": text.get("invoice_id", blank),
        "region": text.get("region", blank),
        "commitment_arn": text.get("commitment_arn", blank),
        "split_allocation": pl.lit(False),
        "usage_date": _date("usage_start", types),
        "billing_period": _date("billing_period_start", types),
    }


def _money(name: str, theirs: str, dtype: pl.DataType, *, where: str) -> pl.Expr:
    if not _may_be_number(dtype):
        raise PermanentFailure(
            "column-no-money",
            "{where}: column {column} holds {type}, which is not money",
            where=where,
            column=theirs,
            type=str(dtype),
        )
    return _number(name, dtype)


def _may_be_number(dtype: pl.DataType) -> bool:
    return dtype.is_numeric() or dtype in (pl.String, pl.Null)


def _number(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype.is_float():
        # by its shortest text: a direct cast multiplies in doubles and is off from a million on
        column = column.cast(pl.String).cast(pl.Decimal(38, _DOUBLE_SCALE), strict=False)
    return column.cast(MONEY, strict=False)


def _figure(name: str, dtype: pl.DataType) -> pl.Expr:
    """A number that no cost is computed from: what is none becomes null and refuses no file."""
    return _number(name, dtype) if _may_be_number(dtype) else pl.lit(None, dtype=MONEY)


def _failed_cells(numbers: dict[str, pl.Expr]) -> pl.Expr:
    bits = pl.lit(0, dtype=pl.UInt32)
    for name, cast in numbers.items():
        failed = pl.col(name).is_not_null() & cast.is_null()
        bits = bits + failed.cast(pl.UInt32) * pl.lit(1 << NUMBER_COLUMNS.index(name), dtype=pl.UInt32)
    return bits


def _date(name: str, types: pl.Schema) -> pl.Expr:
    """The UTC day of `2026-10-01T00:00:00Z`, `2026-10-01 00:00:00+00:00` or a timestamp; null if it is none."""
    kind = types[name]
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return pl.col(name).dt.convert_time_zone("UTC").dt.date()
    if kind.is_temporal():
        return pl.col(name).cast(pl.Date)
    return pl.col(name).str.head(10).str.to_date("%Y-%m-%d", strict=False)

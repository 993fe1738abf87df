"""Normalised line items -> the cost tables of one month, by DuckDB over our own Parquet.

Sums of decimals are exact, so any split of the rows over files and any order of the files give the same result.
"""

# DuckDB views over file and column names take no parameters; what users write is bound
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from batch_platform.core.sql import load
from batch_platform.finops.columns import CUR_MONEY, FOCUS_MONEY
from batch_platform.finops.identity import TERMS, Commitment, Identity, Residual
from batch_platform.finops.model import MEASURES, MONEY, SERVICE_MONTHLY_KEYS, SUMMARY_KEYS, Format

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_MEMORY: Final = "256MB"

_PLAIN_OF_NET: Final = {
    "ri_net_effective_cost": "ri_effective_cost",
    "ri_net_unused_upfront": "ri_unused_upfront",
    "ri_net_unused_recurring": "ri_unused_recurring",
    "sp_net_effective_cost": "sp_effective_cost",
}

LINE_ITEM_COLUMNS: Final = (
    *("line_item_type", "usage_date", "payer_account_id", "usage_account_id", "service", "region"),
    *("currency", "invoice_id", "commitment_arn", "description", "split_allocation"),
)
"""What decides a row's group and formula, beside its money."""

SUMMARY_SCHEMA: Final[dict[str, pl.DataType]] = {
    **{name: pl.Date() if name == "usage_date" else pl.String() for name in SUMMARY_KEYS},
    **dict.fromkeys(MEASURES, MONEY),
    "usage_rows": pl.Int64(),
}


@dataclass(frozen=True)
class MonthSummary:
    """What a month's line items add up to.

    `costs` has the grain of `SUMMARY_KEYS` and every measure; the counts say what the checks need to know. They are
    of the rows in scope; `invoiced_rows` (with an InvoiceId), `unamortized_rows` and `identity` are of the whole
    report. `uninvoiced_rows` cost something and have no InvoiceId. `unamortized_rows` are of commitments and carry no
    amortisation figures (what they count for: measures.sql).
    """

    costs: pl.DataFrame
    row_count: int
    split_rows: int
    uninvoiced_rows: int
    invoiced_rows: int
    out_of_period_rows: int
    unamortized_rows: int
    derived_net_rows: int
    unknown_types: dict[str, int]
    identity: Identity


def empty_costs() -> pl.DataFrame:
    """The cost frame of a month without a row."""
    return pl.DataFrame(schema=SUMMARY_SCHEMA)


def empty_summary() -> MonthSummary:
    """What a delivery without a file adds up to."""
    return MonthSummary(empty_costs(), 0, 0, 0, 0, 0, 0, 0, {}, Identity())


def summarise(
    files: Sequence[Path],
    *,
    month: date,
    format: Format,  # noqa: A002
    accounts: tuple[str, ...] | None,
    scratch: Path,
) -> MonthSummary:
    """Aggregate the normalised files of one month; only rows of these usage `accounts` are in scope (None: all).

    `scratch` is an empty folder for what does not fit into memory. Amounts: Decimal(38, 12) by currency.
    """
    statements = load("batch_platform.finops.sql")
    layout = "focus" if format is Format.FOCUS else "cur"
    result = scratch / "cost_summary.parquet"
    with open_engine(scratch) as engine:
        sources = _sources(engine, files)
        engine.execute(f"CREATE VIEW line_items AS {_line_items(sources, accounts)}")
        _group(engine, layout, ["in_scope", "source"])
        _measure(engine, layout, month, ["in_scope", "source"])
        counts = _record(engine, of_month(statements["row_counts"].as_string(), month))
        unknown = engine.execute(statements["unknown_types"].as_string()).fetchall()
        engine.execute(f"COPY ({statements['measures_by_group'].as_string()}) TO '{result}'")
        identity = Identity(tuple(Residual(**row) for row in _records(engine, statements["residuals"].as_string())))
        if layout == "cur" and identity.broken:
            identity = replace(identity, commitments=_commitments(engine, month, sources))
    costs = pl.read_parquet(result).select(pl.col(name).cast(kind) for name, kind in SUMMARY_SCHEMA.items())
    return MonthSummary(
        costs=costs.sort(SUMMARY_KEYS),
        unknown_types=dict(unknown),
        identity=identity,
        **counts,
    )


@contextmanager
def open_engine(scratch: Path) -> Iterator[DuckDBPyConnection]:
    """DuckDB with the macros of measures.sql, few threads and little memory; what has no room goes to `scratch`."""
    import duckdb

    statements = load("batch_platform.finops.sql")
    with duckdb.connect(config={"threads": 2, "memory_limit": _MEMORY}) as engine:
        engine.execute(f"SET temp_directory = {quoted(str(scratch))}; SET preserve_insertion_order = false")
        engine.execute("SET enable_progress_bar = false")
        for macro in ("share_of_trillionths", "share_of"):
            engine.execute(statements[macro].as_string())
        yield engine


def service_monthly(costs: pl.DataFrame) -> pl.DataFrame:
    """The grain of `finops_cost_service_monthly`: account, service and currency."""
    return costs.group_by(SERVICE_MONTHLY_KEYS).agg(pl.col(*MEASURES, "usage_rows").sum()).sort(SERVICE_MONTHLY_KEYS)


def totals(costs: pl.DataFrame) -> dict[str, dict[str, Decimal]]:
    """Every measure's sum by currency."""
    sums = costs.group_by("currency").agg(pl.col(MEASURES).sum()).sort("currency")
    return {row["currency"]: {name: row[name] for name in MEASURES} for row in sums.iter_rows(named=True)}


_Columns = frozenset[str]


def _sources(engine: Any, files: Sequence[Path]) -> dict[_Columns, list[str]]:
    """The files by the columns they have of those that not every file has: a header may lack what another has."""
    listed = ", ".join(quoted(str(path)) for path in files)
    by_file: dict[str, set[str]] = {}
    for file, column in engine.execute(f"SELECT file_name, name FROM parquet_schema([{listed}])").fetchall():
        by_file.setdefault(file, set()).add(column)
    sources: dict[_Columns, list[str]] = {}
    for file, columns in sorted(by_file.items()):
        sources.setdefault(frozenset(columns & {*CUR_MONEY, *FOCUS_MONEY, "description"}), []).append(file)
    return sources


def _line_items(sources: Mapping[_Columns, Sequence[str]], accounts: tuple[str, ...] | None) -> str:
    """The files as one relation with every money column, whichever of them a file's header had.

    `source` says in which of the `sources` a row stands, `in_scope` whether its account counts.
    """
    scope = "true"
    if accounts is not None:
        scope = f"coalesce(usage_account_id IN ({', '.join(map(quoted, accounts)) or 'NULL'}), false)"
    more = [f"{scope} AS in_scope", "coalesce(commitment_arn, '') AS commitment"]
    parts = []
    for number, (present, files) in enumerate(sources.items()):
        rows = f"read_parquet([{', '.join(map(quoted, files))}], union_by_name = true)"
        if "description" not in present:  # which files of an older lake lack
            rows = f"(SELECT *, NULL::VARCHAR AS description FROM {rows})"
        parts.append(select_line_items(rows, present, [*more, f"{number} AS source"]))
    return " UNION ALL ".join(parts)


def _group(engine: DuckDBPyConnection, layout: str, keys: Sequence[str]) -> None:
    """The table `grouped` of the view `line_items`, with these further keys."""
    engine.execute(with_keys(load("batch_platform.finops.sql")[f"{layout}_groups"].as_string(), keys))


def _measure(engine: DuckDBPyConnection, layout: str, month: date, keys: Sequence[str]) -> None:
    """The view `measures` of the table `grouped`, with these further keys."""
    if layout == "cur":
        find_spread(engine, "grouped")
    measures = of_month(load("batch_platform.finops.sql")[f"{layout}_measures"].as_string(), month)
    engine.execute(f"CREATE OR REPLACE VIEW measures AS {with_keys(measures, keys)}")


def _commitments(
    engine: DuckDBPyConnection, month: date, sources: Mapping[_Columns, Sequence[str]]
) -> tuple[Commitment, ...]:
    """What the report holds of each commitment; the rows are read again only where they name one, as few need be."""
    statements = load("batch_platform.finops.sql")
    engine.execute(statements["payers"].as_string())
    [(named,)] = engine.execute(statements["names_commitments"].as_string()).fetchall()
    if named:
        rows = statements["commitment_rows"].as_string().replace("$line_items", _line_items(sources, None))
        engine.execute(f"CREATE OR REPLACE VIEW line_items AS {rows}")
        engine.execute("DROP VIEW measures; DROP TABLE grouped")
        _group(engine, "cur", ["commitment", "source"])
    _measure(engine, "cur", month, ["commitment" if named else "'' AS commitment", "source"])
    records = _records(engine, statements["commitments"].as_string())
    return tuple(_commitment(row, list(sources)) for row in records)


def _commitment(row: dict[str, Any], sources: Sequence[_Columns]) -> Commitment:
    absent = {
        name
        for held in row.pop("held_in")
        for name, term in TERMS.items()
        if term.line_item_type == held["line_item_type"] and name not in sources[held["source"]]
    }
    return Commitment(**row, absent=frozenset(absent))


def select_line_items(source: str, present: Collection[str], more: Sequence[str] = ()) -> str:
    """What `*_groups` of measures.sql read, of a relation that has the columns `present`; and `more`."""
    money = [_amount(name, present) for name in (*CUR_MONEY, *FOCUS_MONEY)]
    rows = f"SELECT {', '.join((*LINE_ITEM_COLUMNS, *money, *more))} FROM {source}"
    return f"SELECT *, {load('batch_platform.finops.sql')['kinds_of_row'].as_string()} FROM ({rows})"


def find_spread(engine: DuckDBPyConnection, rows: str) -> None:
    """The table `spread` that `cur_measures` read, by all rows of a month: the relation `line_items` or `grouped`."""
    engine.execute(load("batch_platform.finops.sql")["spread"].as_string().replace("$rows", rows))


def _amount(name: str, present: Collection[str]) -> str:
    """A money column of the relation; where the export has no net one, it is the plain one, summed only once."""
    columns = [column for column in (name, _PLAIN_OF_NET.get(name, "")) if column in present]
    if not columns:
        return f"NULL::DECIMAL(38, 12) AS {name}"
    value = columns[0] if len(columns) == 1 else f"coalesce({', '.join(columns)})"
    return f"{value} AS {name}"


def _records(engine: Any, query: str) -> list[dict[str, Any]]:
    cursor = engine.execute(query)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _record(engine: Any, query: str) -> dict[str, int]:
    [record] = _records(engine, query)
    return record


def of_month(query: str, month: date) -> str:
    """The query about this month."""
    # a view takes no parameters; a date has no quote to escape
    return query.replace("$month", f"DATE '{month.isoformat()}'")


def with_keys(query: str, keys: Collection[str]) -> str:
    """`*_groups` or `*_measures` of measures.sql with further columns to group by."""
    return query.replace("$keys", "".join(f"{key}, " for key in keys))


def quoted(text: str) -> str:
    """Text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"

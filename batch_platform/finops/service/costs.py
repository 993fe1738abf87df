"""Costs of a month or of any days, by any groups: from the cost summary, or the line items where it is too coarse.

Both give the same amounts in the same order. What the line items give is kept on local disk as a sorted file, so that
a page of millions of groups is read as a slice of it.
"""

# DuckDB views over file and column names take no parameters; what users write is bound
# ruff: noqa: S608

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl

from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.finops import keys as tag_keys
from batch_platform.finops import lake_costs
from batch_platform.finops.groups import Group
from batch_platform.finops.keys import Key
from batch_platform.finops.line_items import LineItemFiles
from batch_platform.finops.model import MEASURES, MONEY, REPORT_MEASURES, ZERO, Format, Stamp
from batch_platform.finops.report import GROUPS, TOTALS, Report
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.cost_query import CostQuery, span, span_of
from batch_platform.finops.service.lake import Contents, MonthReplaced, kept_folder, on_disk, with_contents
from batch_platform.finops.service.readers import CostReader
from batch_platform.finops.summary import empty_costs, open_engine, quoted

ROWS_AT_MOST: Final = 1_000_000
"""Rows of one answer: it is made in memory."""
_EDITION: Final = 1
"""Part of the name of every kept result: counted up when the same line items and query give another one."""

_KEY_SCHEMA: Final = {
    **dict.fromkeys(("family", "name", "column", "entry"), pl.String),
    "is_folded": pl.Boolean,
}

_computing = threading.Lock()
_looking = threading.Lock()


@dataclass(frozen=True, eq=False)
class CostPage(Report):
    """A report of some rows: `row_count` is how many there are in all; `totals` are of all of them."""

    row_count: int


@dataclass(frozen=True, eq=False)
class CostRows:
    """An answer: the published months it was computed from, those that are not, and a report for each currency.

    `next_row` is where the next page begins, None on the last one.
    """

    query: CostQuery
    stamps: tuple[Stamp, ...]
    missing: tuple[date, ...]
    reports: tuple[CostPage, ...]
    next_row: int | None

    @property
    def row_count(self) -> int:
        return sum(page.row_count for page in self.reports)


@dataclass(frozen=True)
class CostKeys:
    """The tags and cost categories of some months."""

    tags: tuple[str, ...]
    cost_categories: tuple[str, ...]


def cost_rows(
    context: FinopsContext, reader: CostReader, query: CostQuery, *, first: int = 0, limit: int | None = None
) -> CostRows:
    """The costs: rows from number `first` (0 is the first) on, `limit` at most; None: all of them.

    Rows stand by currency; grouped by day, by day; by amount, the largest first; then by their keys. Raises
    `NotFound` when none of the months is published, `InvalidInput` for a tag that none of them has, `Conflict` for
    line items that were read before what is asked for was kept.
    """
    stamps = published_stamps(context, reader, query)
    if query.in_summary:
        return _of_summary(reader, query, stamps, first, limit)

    def use(months: Sequence[Contents]) -> CostRows:
        return _of_line_items(context, reader, query, months, first, ROWS_AT_MOST if limit is None else limit)

    rows = with_contents(context, query.project_id, [stamp.month for stamp in stamps], use)
    if limit is None and rows.next_row is not None:
        raise InvalidInput(
            "too-many-rows",
            "these are {count} rows, and an answer has {limit} at most: ask for fewer groups, add a filter, or "
            "set a limit",
            count=f"{rows.row_count:,}",
            limit=f"{ROWS_AT_MOST:,}",
            field="group_by",
        )
    return rows


def published_stamps(context: FinopsContext, reader: CostReader, query: CostQuery) -> list[Stamp]:
    """What the published ones of the query's months are computed from, oldest first. Raises `NotFound` for none."""
    stamps = sorted(reader.stamps(query.project_id, query.months), key=lambda stamp: stamp.month)
    if not stamps:
        context.connection(query.project_id)
        raise NotFound(
            "month-not-published",
            "project {project} has no published costs for {month}",
            project=query.project_id,
            month=span(query.months),
            field="month",
        )
    return stamps


def cost_keys(context: FinopsContext, project_id: str, months: Sequence[date]) -> CostKeys:
    """The tags and cost categories of published months. Raises `NotFound` for one that is not."""

    def use(published: Sequence[Contents]) -> CostKeys:
        known = [key for contents in published for key in month_keys(context, contents)]
        return CostKeys(tuple(tag_keys.names("tag", known)), tuple(tag_keys.names("cost_category", known)))

    return with_contents(context, project_id, months, use)


def _of_summary(
    reader: CostReader, query: CostQuery, stamps: Sequence[Stamp], first: int, limit: int | None
) -> CostRows:
    kept = [reader.costs(stamp) for stamp in stamps]
    costs = _selected(query, (frame for _, frame in kept))
    keys = [f"key_{i}" for i in range(len(query.groups))]
    rows = (
        costs.select(
            "currency",
            *(pl.col(GROUPS[group.text]).alias(key) for group, key in zip(query.groups, keys, strict=True)),
            amount=REPORT_MEASURES[query.measure],
        )
        .group_by("currency", *keys)
        .agg(pl.col("amount").sum())
    )
    order = _order(query)
    rows = rows.sort([name for name, _ in order], descending=[down for _, down in order], nulls_last=True)
    counts = dict(rows.group_by("currency").len().iter_rows())
    currencies = pl.concat([empty_costs(), *(frame for _, frame in kept)]).select("currency").unique()
    totals = currencies.join(_totals(costs), on="currency", how="left").fill_null(0).sort("currency")
    return _answer(query, [stamp for stamp, _ in kept], rows.slice(first, limit), totals, counts, first)


def _of_line_items(
    context: FinopsContext,
    reader: CostReader,
    query: CostQuery,
    months: Sequence[Contents],
    first: int,
    limit: int | None,
) -> CostRows:
    named = repr((_EDITION, query, [(contents.stamp, contents.name) for contents in months]))
    with ExitStack() as held:
        name = sha256(named.encode()).hexdigest()[:32]
        folder = held.enter_context(
            kept_folder(context, name, 2, lambda to: _compute(context, reader, query, months, to), alone=_computing)
        )
        totals = pl.read_parquet(folder / "totals.parquet")
        page = pl.scan_parquet(folder / "rows.parquet").slice(first, limit).collect()
    counts = dict(totals.select("currency", "row_count").iter_rows())
    return _answer(query, [contents.stamp for contents in months], page, totals, counts, first)


def _compute(
    context: FinopsContext, reader: CostReader, query: CostQuery, months: Sequence[Contents], to: Path
) -> None:
    """Write rows.parquet, sorted, and totals.parquet, a row a currency."""
    selection = selection_of(query)
    measure = REPORT_MEASURES[query.measure]
    whole = all(given.group.in_summary for given in query.filters)
    rows_file, frames = to / "rows.parquet", []
    with TemporaryDirectory(prefix="finops-", dir=context.scratch) as scratch, open_engine(Path(scratch)) as engine:
        lake_costs.create_table(engine, "costs", query.groups, [measure])
        lake_costs.create_table(engine, "totals", (), MEASURES)
        for month, known, frame in months_of(context, reader, query, months):
            frames.append(frame)
            if month.files:
                lake_costs.add_month(engine, "costs", month, selection, known, [measure])
            if month.files and not whole:  # else the summary has them
                lake_costs.add_month(engine, "totals", month, replace(selection, groups=()), known, MEASURES)
        names = [f"key_{i}" for i in range(len(query.groups))]
        keyed = ", ".join([*names, "currency"])
        order = ", ".join(f"{name} {'DESC' if down else 'ASC'} NULLS LAST" for name, down in _order(query))
        engine.execute(
            f"COPY (SELECT {keyed}, sum({measure})::DECIMAL(38, 12) AS amount FROM costs "
            f"GROUP BY {keyed} ORDER BY {order}) TO {quoted(str(rows_file))} (COMPRESSION zstd)"
        )
        sums_file = Path(scratch) / "sums.parquet"
        sums = ", ".join(f"sum({name})::DECIMAL(38, 12) AS {name}" for name in MEASURES)
        engine.execute(f"COPY (SELECT currency, {sums} FROM totals GROUP BY ALL) TO {quoted(str(sums_file))}")
        totals = _totals(_selected(query, frames)) if whole else pl.read_parquet(sums_file)
    found_rows = pl.scan_parquet(rows_file).group_by("currency")
    by_currency = found_rows.agg(pl.col("amount").sum().alias(measure), pl.len().alias("row_count")).collect()
    require_equal(query, by_currency, frames, [measure])
    currencies = pl.concat([empty_costs(), *frames]).select("currency").unique()
    (
        currencies.join(totals, on="currency", how="left")
        .join(by_currency.select("currency", "row_count"), on="currency", how="left")
        .with_columns(pl.col(*MEASURES, "row_count").fill_null(0))
        .sort("currency")
        .write_parquet(to / "totals.parquet")
    )


def selection_of(query: CostQuery) -> lake_costs.Selection:
    return lake_costs.Selection(query.groups, query.filters, query.start, query.end)


def months_of(
    context: FinopsContext, reader: CostReader, query: CostQuery, months: Sequence[Contents]
) -> Iterator[tuple[lake_costs.Month, Mapping[Group, Key | None], pl.DataFrame]]:
    """The query's months, each with the keys it asks for and its cost summary; files are good until the next one."""
    selection = selection_of(query)
    known: Mapping[date, Mapping[Group, Key | None]] = {contents.stamp.month: {} for contents in months}
    if any(group.family for group in selection.all_groups):
        keys = {contents.stamp.month: month_keys(context, contents) for contents in months}
        known = lake_costs.known_keys(selection, keys)
    for contents in months:
        stamp, frame = reader.costs(contents.stamp)
        if stamp != contents.stamp:
            raise MonthReplaced(
                "month-replaced",
                "{project} {month} was replaced meanwhile; ask again",
                project=query.project_id,
                month=f"{stamp.month:%Y-%m}",
            )
        with on_disk(context, contents) as files:
            month = lake_costs.Month(
                query.project_id,
                stamp.month,
                contents.published.format or Format.CUR_LEGACY,
                files,
                frame["usage_account_id"].unique().to_list(),
            )
            yield month, known[stamp.month], frame


def month_keys(context: FinopsContext, contents: Contents) -> list[Key]:
    """The tags and cost categories of a month, kept beside its line items."""

    def look(to: Path) -> None:
        with (
            TemporaryDirectory(prefix="finops-", dir=context.scratch) as scratch,
            open_engine(Path(scratch)) as engine,
            on_disk(context, contents) as files,
        ):
            keys = LineItemFiles(engine, files).keys() if files else []
        pl.DataFrame([vars(key) for key in keys], schema=_KEY_SCHEMA).write_parquet(to / "keys.parquet")

    with kept_folder(context, f"keys-{_EDITION}-{contents.name}", 1, look, alone=_looking) as folder:
        return [Key(**row) for row in pl.read_parquet(folder / "keys.parquet").iter_rows(named=True)]


def _selected(query: CostQuery, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The rows of the cost summary that are asked for."""
    matches = pl.col("usage_date").is_between(query.start, query.end)
    for given in query.filters:
        matches &= pl.col(GROUPS[given.group.text]).is_in(given.values)
    return pl.concat([empty_costs(), *(frame.filter(matches) for frame in frames)])


def summary_of(query: CostQuery, frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The measures of cost summaries within the query's days, a row a currency; filters aside."""
    return _totals(_selected(replace(query, filters=()), frames))


def _totals(costs: pl.DataFrame) -> pl.DataFrame:
    return costs.group_by("currency").agg(pl.col(MEASURES).sum()).sort("currency")


def require_equal(
    query: CostQuery, of_line_items: pl.DataFrame, frames: Iterable[pl.DataFrame], measures: Sequence[str]
) -> None:
    """What the groups add up to is what the summary (`frames`, by month) says, to the last digit."""
    if not all(given.group.in_summary for given in query.filters):
        return
    columns = ["currency", *measures]
    of_summary = _totals(_selected(query, frames)).select(columns)
    if not of_line_items.select(columns).sort("currency").equals(of_summary):
        raise Conflict(
            "published-by-another-version",
            "the costs of {project} {span} were published by another version of the platform than their line "
            "items are read with; have them read and published again: batch-platform cur requeue {project} "
            "--month {month} --all",
            project=query.project_id,
            span=span(query.months),
            month=f"{query.months[0]:%Y-%m}",
            field="month",
        )


def _order(query: CostQuery) -> list[tuple[str, bool]]:
    """Column and whether it descends."""
    days = [f"key_{i}" for i, group in enumerate(query.groups) if group.text == "day"]
    others = [f"key_{i}" for i, group in enumerate(query.groups) if group.text != "day"]
    ascending = [(name, False) for name in ("currency", *days)]
    return [*ascending, ("amount", True), *((name, False) for name in others)]


def _answer(
    query: CostQuery,
    stamps: Sequence[Stamp],
    page: pl.DataFrame,
    totals: pl.DataFrame,
    counts: Mapping[Any, int],
    first: int,
) -> CostRows:
    by_currency = {row["currency"]: row for row in totals.iter_rows(named=True)} or {None: {}}
    names = {f"key_{i}": group.text for i, group in enumerate(query.groups)}
    reports = tuple(
        CostPage(
            project_id=query.project_id,
            month=span_of(query),
            state=", ".join(stamp.state for stamp in stamps),
            manifest_version=", ".join(stamp.version for stamp in stamps),
            currency=currency,
            measure=query.measure,
            group_by=tuple(names.values()),
            rows=page.filter(pl.col("currency").eq_missing(pl.lit(currency, dtype=pl.String)))
            .select(*names, pl.col("amount").cast(MONEY))
            .rename(names),
            totals={name: ZERO + sums.get(column, 0) for name, column in TOTALS.items()},
            row_count=counts.get(currency, 0),
        )
        for currency, sums in by_currency.items()
    )
    published = {stamp.month for stamp in stamps}
    row_count = sum(report.row_count for report in reports)
    seen = first + page.height
    return CostRows(
        query,
        tuple(stamps),
        tuple(month for month in query.months if month not in published),
        reports,
        seen if seen < row_count and page.height else None,
    )

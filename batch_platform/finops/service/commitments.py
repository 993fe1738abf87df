"""What people ask of line items beside costs: the use of commitments, and what containers took."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import polars as pl

from batch_platform.finops import lake_costs, split
from batch_platform.finops.commitments import Commitments, commitments
from batch_platform.finops.groups import Group, parse_groups
from batch_platform.finops.keys import Key, find
from batch_platform.finops.lake_costs import Month, Selection
from batch_platform.finops.model import MONEY, Format, Stamp
from batch_platform.finops.service.context import FinopsContext
from batch_platform.finops.service.cost_query import CostQuery, cost_query
from batch_platform.finops.service.costs import month_keys, published_stamps, summary_of
from batch_platform.finops.service.lake import Contents, on_disk, with_contents
from batch_platform.finops.service.readers import CostReader
from batch_platform.finops.summary import open_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

_computing: Final = threading.Lock()
"""One at a time in a process: each may take DuckDB's memory."""


@dataclass(frozen=True, eq=False)
class MonthCommitments:
    """The commitments of a published month."""

    stamp: Stamp
    commitments: Commitments


@dataclass(frozen=True, eq=False)
class SplitCosts:
    """Costs of containers: copies of costs that stand in the totals elsewhere, in no total themselves.

    `rows`: the columns named in `groups`, currency, `split.MEASURES`, rows; of all `row_count` those asked for, the
    largest first. `totals`: of all rows, one a currency; `left_out_of`: the totals of the cost summary of the same
    days, one a currency, which hold none of it.
    """

    query: CostQuery
    stamps: tuple[Stamp, ...]
    groups: tuple[str, ...]
    rows: pl.DataFrame
    row_count: int
    totals: pl.DataFrame
    left_out_of: pl.DataFrame
    next_row: int | None


def month_commitments(context: FinopsContext, reader: CostReader, project_id: str, month: date) -> MonthCommitments:
    """Utilisation and coverage of a published month. Raises as `cost_rows` does."""
    stamps = published_stamps(context, reader, cost_query(project_id, month=month))

    def use(months: Sequence[Contents]) -> MonthCommitments:
        [contents] = months
        with _month(context, reader, contents) as (at, _), _scratch(context) as scratch:
            return MonthCommitments(contents.stamp, commitments(at, scratch))

    return with_contents(context, project_id, [stamp.month for stamp in stamps], use)


def split_costs(
    context: FinopsContext, reader: CostReader, query: CostQuery, *, first: int = 0, limit: int | None = None
) -> SplitCosts:
    """What containers took, by the query's groups; without any, by AWS's own tags of cluster, namespace and service.

    The query's measure does not matter. Raises as `cost_rows` does.
    """
    stamps = published_stamps(context, reader, query)

    def use(months: Sequence[Contents]) -> SplitCosts:
        return _split(context, reader, query, months, first, limit)

    return with_contents(context, query.project_id, [stamp.month for stamp in stamps], use)


def _split(
    context: FinopsContext,
    reader: CostReader,
    query: CostQuery,
    months: Sequence[Contents],
    first: int,
    limit: int | None,
) -> SplitCosts:
    keys = {contents.stamp.month: month_keys(context, contents) for contents in months}
    groups = query.groups or _default_groups(keys)
    selection = Selection(groups, query.filters, query.start, query.end)
    known = lake_costs.known_keys(selection, keys)
    names = [f"key_{i}" for i in range(len(groups))]
    frames, summaries = [], []
    for contents in months:
        with _month(context, reader, contents) as (at, summary), _scratch(context) as scratch:
            summaries.append(summary)
            if at.files:
                with open_engine(scratch) as engine:
                    frames.append(split.split_costs(engine, at, selection, known[at.month], scratch))
    sums = pl.col(*split.MEASURES, "rows").sum()
    empty = (
        summary_of(query, ())
        .select("currency")
        .with_columns(
            *(pl.lit(None, pl.String).alias(name) for name in names),
            *(pl.lit(None, MONEY).alias(measure) for measure in split.MEASURES),
            pl.lit(None, pl.Int64).alias("rows"),
        )
    )
    whole = (pl.concat(frames) if frames else empty).group_by("currency", *names).agg(sums)
    order = ["currency", "split_cost", *names]
    whole = whole.sort(order, descending=[name == "split_cost" for name in order], nulls_last=True)
    page = whole.slice(first, limit)
    seen = first + page.height
    texts = {name: group.text for name, group in zip(names, groups, strict=True)}
    return SplitCosts(
        query,
        tuple(contents.stamp for contents in months),
        tuple(texts.values()),
        page.select(*names, "currency", *split.MEASURES, "rows").rename(texts),
        whole.height,
        whole.group_by("currency").agg(sums).sort("currency"),
        summary_of(query, summaries),
        seen if page.height and seen < whole.height else None,
    )


def _default_groups(keys: Mapping[date, Sequence[Key]]) -> tuple[Group, ...]:
    there = [key for of in keys.values() for key in of]
    names = [name for name in split.DEFAULT_KEYS if find("tag", name, there)]
    return parse_groups([f"tag:{name}" for name in names] or ["operation"])


@contextmanager
def _month(context: FinopsContext, reader: CostReader, contents: Contents) -> Iterator[tuple[Month, pl.DataFrame]]:
    """A month's files and its cost summary."""
    _, summary = reader.costs(contents.stamp)
    with _computing, on_disk(context, contents) as files:
        yield (
            Month(
                contents.stamp.project_id,
                contents.stamp.month,
                contents.published.format or Format.CUR_LEGACY,
                files,
                summary["usage_account_id"].unique().to_list(),
            ),
            summary,
        )


@contextmanager
def _scratch(context: FinopsContext) -> Iterator[Path]:
    with TemporaryDirectory(prefix="finops-", dir=context.scratch) as folder:
        yield Path(folder)

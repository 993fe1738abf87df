"""Split cost allocation: what containers took of the machines they ran on.

AWS adds a row for each pod or task, whose machine's own rows stand in the report as well. Its cost is therefore a
copy, and no total holds it: here it stands by any groups beside the totals it is left out of.

split_cost      the share of vCPU and memory that the pod or task was given or used, amortised
unused_cost     its share of what nobody used
Source: AWS CUR user guide, split line item columns (SplitCost, UnusedCost and their Net columns).
"""

# DuckDB views over file and column names take no parameters; what users write is bound
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from batch_platform.core.failures import InvalidInput
from batch_platform.finops.groups import Group
from batch_platform.finops.keys import Key
from batch_platform.finops.lake_costs import Month, Selection, expression, require_column
from batch_platform.finops.line_items import LineItemFiles
from batch_platform.finops.report import GROUPS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEASURES: Final = ("split_cost", "unused_cost", "net_split_cost", "net_unused_cost")

DEFAULT_KEYS: Final = ("aws:eks:cluster-name", "aws:eks:namespace", "aws:ecs:clusterName", "aws:ecs:serviceName")
"""Tags AWS itself puts on the rows."""

_COLUMNS: Final = ("split_cost", "unused_split_cost", "net_split_cost", "net_unused_split_cost")


def split_costs(
    engine: DuckDBPyConnection, month: Month, selection: Selection, known: Mapping[Group, Key | None], scratch: Path
) -> pl.DataFrame:
    """key_0, key_1, … for the groups, currency, `MEASURES` and how many rows; in no order.

    Net costs are those without discounts where the export has none. Raises `Conflict` for a month that was read
    before split costs were kept.
    """
    if any(group.text == "charge_class" for group in selection.all_groups):
        raise InvalidInput(
            "no-charge-class-of-containers", "the rows of containers have no charge class", field="group_by"
        )
    items = LineItemFiles(engine, month.files)
    require_column(items, "usage_type", month)  # kept since split costs are, where the export has them
    named = {f"key_{i}": expression(group, items, month, known) for i, group in enumerate(selection.groups)}
    filters = {
        f"filter_{i}": expression(given.group, items, month, known) for i, given in enumerate(selection.filters)
    }
    engine.execute("SET VARIABLE accounts = ?", [list(month.accounts)])
    for i, given in enumerate(selection.filters):
        engine.execute(f"SET VARIABLE filter_{i} = ?", [list(given.values)])
    base = ("usage_date", "usage_account_id", "currency", "split_allocation", *_COLUMNS)
    rows = items.relation(base, {**named, **filters})
    day = f"DATE '{month.month}'"
    clamped = f"greatest(least(coalesce(usage_date, {day}), last_day({day})), {day})"
    keys = [
        f"{clamped} AS key_{i}" if GROUPS.get(group.text) == "usage_date" else f"coalesce(key_{i}, '') AS key_{i}"
        for i, group in enumerate(selection.groups)
    ]
    where = [
        "split_allocation",
        "coalesce(usage_account_id, '') IN (SELECT unnest(getvariable('accounts')))",
        f"{clamped} BETWEEN DATE '{selection.first}' AND DATE '{selection.last}'",
        *(f"list_contains(getvariable('{name}'), coalesce({name}, ''))" for name in filters),
    ]
    result = scratch / "split.parquet"
    split, unused, net_split, net_unused = (f"{name}::DECIMAL(38, 12)" for name in _COLUMNS)
    engine.execute(
        f"COPY (SELECT {', '.join((*keys, 'currency'))}, "
        f"coalesce(sum({split}), 0)::DECIMAL(38, 12) AS split_cost, "
        f"coalesce(sum({unused}), 0)::DECIMAL(38, 12) AS unused_cost, "
        f"coalesce(sum(coalesce({net_split}, {split})), 0)::DECIMAL(38, 12) AS net_split_cost, "
        f"coalesce(sum(coalesce({net_unused}, {unused})), 0)::DECIMAL(38, 12) AS net_unused_cost, "
        f"count(*)::BIGINT AS rows FROM {rows} WHERE {' AND '.join(where)} GROUP BY ALL) TO '{result}'"
    )
    return pl.read_parquet(result)

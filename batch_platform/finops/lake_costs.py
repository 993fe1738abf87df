"""Line items -> costs by tag, cost category, resource, usage type or operation, beside the keys of the summary.

The formulas are those of the cost summary (measures.sql), applied to finer groups. They are linear and what they
round they round a row at a time, so the groups of any key add up exactly to the summary.
"""

# DuckDB views over file and column names take no parameters; what users write is bound
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.messages import Message
from batch_platform.core.sql import load
from batch_platform.finops import keys
from batch_platform.finops.columns import CUR_MONEY, FOCUS_MONEY
from batch_platform.finops.groups import LINE_ITEM_GROUPS, Filter, Group
from batch_platform.finops.keys import Key
from batch_platform.finops.line_items import FileGroup, LineItemFiles
from batch_platform.finops.model import Format
from batch_platform.finops.report import GROUPS
from batch_platform.finops.summary import LINE_ITEM_COLUMNS, find_spread, of_month, select_line_items, with_keys

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_TAG: Final = Message("tag", "tag")
_COST_CATEGORY: Final = Message("cost-category", "cost category")
KEYS: Final = ("service", "payer_account_id", "usage_account_id", "region", "usage_date")
"""Keys of the summary that a query may do without."""
_DECIDING: Final = (
    "line_item_type",
    "invoice_id",
    "commitment_arn",
    "split_allocation",
    "currency",
    "payer_account_id",
)

Expression = Callable[[FileGroup], str]


@dataclass(frozen=True, eq=False)
class Month:
    """The published line items of one month; `accounts` are those of its cost summary."""

    project_id: str
    month: date
    format: Format
    files: Sequence[Path]
    accounts: Collection[str]


@dataclass(frozen=True)
class Selection:
    """Costs by `groups` of the days `first` to `last`, both included, of the rows that meet all `filters`."""

    groups: tuple[Group, ...]
    filters: tuple[Filter, ...]
    first: date
    last: date

    @property
    def all_groups(self) -> list[Group]:
        return [*self.groups, *(given.group for given in self.filters)]


def create_table(engine: DuckDBPyConnection, table: str, groups: Sequence[Group], measures: Sequence[str]) -> None:
    """A table that `add_month` fills: key_0, key_1, … for the groups, currency, and measures."""
    columns = [f"key_{i} {'DATE' if group.text == 'day' else 'VARCHAR'}" for i, group in enumerate(groups)]
    columns += ["currency VARCHAR", *(f"{measure} DECIMAL(38, 12)" for measure in measures)]
    engine.execute(f"CREATE TEMP TABLE {table} ({', '.join(columns)})")


def add_month(
    engine: DuckDBPyConnection,
    table: str,
    month: Month,
    selection: Selection,
    known: Mapping[Group, Key | None],
    measures: Sequence[str],
) -> None:
    """Add a month's costs to the table. `known`: the tags and cost categories asked for, as it spells them.

    Raises `Conflict` for a month that was read before the lake kept a column asked for.
    """
    items = LineItemFiles(engine, month.files)
    values = values_of(selection, items, month, known)
    extra = {f"key_{i}": values[group] for i, group in enumerate(selection.groups) if group in values}
    used = {GROUPS[group.text] for group in selection.groups if group.in_summary}
    rows = measured(
        engine, items, month, selection, values, more=extra, by={name: name for name in extra}, used=used, lean=True
    )
    columns = [
        f"coalesce(key_{i}, '')" if f"key_{i}" in extra else GROUPS[group.text]
        for i, group in enumerate(selection.groups)
    ]
    sums = [f"sum({measure})::DECIMAL(38, 12)" for measure in measures]
    selected = ", ".join((*columns, "currency", *sums))
    engine.execute(f"INSERT INTO {table} SELECT {selected} FROM ({rows}) GROUP BY ALL")


def measured(
    engine: DuckDBPyConnection,
    items: LineItemFiles,
    month: Month,
    selection: Selection,
    values: Mapping[Group, Expression],
    *,
    more: Mapping[str, Expression],
    by: Mapping[str, str],
    used: Collection[str],
    lean: bool = False,
) -> str:
    """A query of the rows asked for, as `*_measures` of measures.sql tell them; the table `grouped` is made for it.

    `values`: of the groups that are no columns of the summary. `more`: columns the line items have beside their own;
    `by`: columns the groups have beside their own, keys or aggregates of line items. `used`: the keys of the summary
    that are wanted; the others come blank, so that fewer groups are made. `lean`: the query is run once, so `grouped`
    is a view, of which only what the query needs is computed.
    """
    statements = load("batch_platform.finops.sql")
    layout = "focus" if month.format is Format.FOCUS else "cur"
    engine.execute("SET VARIABLE accounts = ?", [list(month.accounts)])
    for i, given in enumerate(selection.filters):
        engine.execute(f"SET VARIABLE filter_{i} = ?", [list(given.values)])
    if layout == "cur":
        find_spread(engine, f"({_rows(items)})")
    rows = _line_items(items, month, selection, values, more, used)
    engine.execute(f"CREATE OR REPLACE TEMP VIEW line_items AS {rows}")
    expressions = [f"{expression} AS {name}" for name, expression in by.items()]
    groups = with_keys(statements[f"{layout}_groups"].as_string(), expressions)
    if lean:
        engine.execute(groups.replace("CREATE TEMP TABLE", "CREATE OR REPLACE TEMP VIEW", 1))
    else:
        engine.execute("DROP TABLE IF EXISTS grouped")
        engine.execute(groups)
    measures = with_keys(of_month(statements[f"{layout}_measures"].as_string(), month.month), by)
    classes = [
        f"list_contains(getvariable('filter_{i}'), charge_class)"
        for i, given in enumerate(selection.filters)
        if given.group.text == "charge_class"
    ]
    return f"SELECT * FROM ({measures}) WHERE {' AND '.join(classes)}" if classes else measures


def known_keys(selection: Selection, months: Mapping[date, Sequence[Key]]) -> dict[date, dict[Group, Key | None]]:
    """The tags and cost categories asked for, as each month spells them; None in a month that has none of that name.

    Raises `InvalidInput` naming the known ones for a name that no month has.
    """
    named = [group for group in selection.all_groups if group.family]
    spelled = {
        month: {group: keys.find(group.family, group.key, there) for group in named if group.family}
        for month, there in months.items()
    }
    for group in named:
        if group.family and not any(there[group] for there in spelled.values()):
            names = keys.names(group.family, (key for there in months.values() for key in there))
            what = _TAG if group.family == "tag" else _COST_CATEGORY
            field = "group_by" if group in selection.groups else "filter"
            if not names:
                raise InvalidInput(
                    "no-keys-at-all",
                    "there is no {family} {key}; the line items have none at all",
                    family=what,
                    key=repr(group.key),
                    field=field,
                )
            raise InvalidInput(
                "unknown-key",
                "there is no {family} {key}; known are {names}",
                family=what,
                key=repr(group.key),
                names=[*names[:50], *(["…"] if len(names) > 50 else [])],
                field=field,
            )
    return spelled


def _rows(items: LineItemFiles) -> str:
    """All rows of a month."""
    money = [name for name in (*CUR_MONEY, *FOCUS_MONEY) if name in items.columns]
    return select_line_items(items.relation((*LINE_ITEM_COLUMNS, *money), {}), {*money})


def _line_items(
    items: LineItemFiles,
    month: Month,
    selection: Selection,
    values: Mapping[Group, Expression],
    extra: Mapping[str, Expression],
    used: Collection[str],
) -> str:
    """The rows asked for, with every key that nobody asks for blank."""
    conditions = {
        f"filter_{i}": values.get(given.group, _column(given.group))
        for i, given in enumerate(selection.filters)
        if given.group.text != "charge_class"  # which the measures tell
    }
    money = [name for name in (*CUR_MONEY, *FOCUS_MONEY) if name in items.columns]
    relation = items.relation((*LINE_ITEM_COLUMNS, *money), {**extra, **conditions})
    day = f"DATE '{month.month}'"
    where = [
        "coalesce(usage_account_id, '') IN (SELECT unnest(getvariable('accounts')))",
        # a day outside the billing month counts as its nearest day, as in the summary
        f"greatest(least(coalesce(usage_date, {day}), last_day({day})), {day}) "
        f"BETWEEN DATE '{selection.first}' AND DATE '{selection.last}'",
        *(f"list_contains(getvariable('{name}'), coalesce({name}, ''))" for name in conditions),
    ]
    blank = [f"NULL::{_type(name)} AS {name}" for name in KEYS if name not in used]
    rows = select_line_items(f"(SELECT * FROM {relation} WHERE {' AND '.join(where)})", {*money}, list(extra))
    return f"SELECT * REPLACE ({', '.join(blank)}) FROM ({rows})" if blank else rows


def expression(group: Group, items: LineItemFiles, month: Month, known: Mapping[Group, Key | None]) -> Expression:
    """Any group as a column of the line items, as it was delivered; null in rows without one."""
    return _column(group) if group.in_summary else _value(group, items, month, known)


def _column(group: Group) -> Expression:
    column = GROUPS.get(group.text, "")
    return lambda files: files.text(column)


def _type(key: str) -> str:
    return "DATE" if key == "usage_date" else "VARCHAR"


def values_of(
    selection: Selection, items: LineItemFiles, month: Month, known: Mapping[Group, Key | None]
) -> dict[Group, Expression]:
    """The values of the groups asked for that are no columns of the summary."""
    return {group: expression(group, items, month, known) for group in selection.all_groups if not group.in_summary}


def _value(group: Group, items: LineItemFiles, month: Month, known: Mapping[Group, Key | None]) -> Expression:
    if group.family:
        key = known[group] or Key(group.family, group.key, "")  # which no file has
        return lambda files: files.value(key)
    column = LINE_ITEM_GROUPS[group.text]
    require_column(items, column, month)
    return lambda files: files.text(column)


def require_column(items: LineItemFiles, column: str, month: Month) -> None:
    """Raises `Conflict` for a month that was read before the lake kept the column."""
    if not items.have(column):
        raise Conflict(
            "column-not-kept",
            "the line items of {project} {month} were read before {column} was kept; have them read again: "
            "batch-platform cur requeue {project} --month {month} --all",
            column=column,
            project=month.project_id,
            month=f"{month.month:%Y-%m}",
            field="month",
        )

"""How a dry run ends: its op's output carries a table of what would be done, and one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import dagster as dg


def dry_run_result(rows: Sequence[Mapping[str, Any]], summary: str) -> dg.Output[None]:
    """`rows` have the same keys, whose order is that of the columns; values are text, numbers or booleans."""
    columns = [dg.TableColumn(name) for name in (rows[0] if rows else ())]
    # a table keeps the order of its columns; Dagster sorts the keys of JSON
    table = dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], dg.TableSchema(columns))
    return dg.Output(None, metadata={"rows": table, "summary": summary})


def rows_of(values: Iterable[Any], **columns: str | Callable[[Any], Any]) -> list[dict[str, Any]]:
    """A row for each value; a column is an attribute's name, dotted where it lies deeper, or a function."""
    readers = {name: attrgetter(read) if isinstance(read, str) else read for name, read in columns.items()}
    return [{name: read(value) for name, read in readers.items()} for value in values]

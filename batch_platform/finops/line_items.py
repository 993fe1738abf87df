"""Normalised files of one month (normalize.py) as relations of DuckDB, every column by its exact name.

DuckDB tells no upper case from lower: of a file's columns `user:Team` and `user:team` it renames the second one, and
by name it would take one for the other in the next file. So files are put together by their exact headers, and a
column is asked for under the name that DuckDB gave it there.
"""

# DuckDB views over file and column names take no parameters; what users write is bound
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from batch_platform.finops import keys
from batch_platform.finops.keys import Key
from batch_platform.finops.summary import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class FileGroup:
    """Files with the same header and types; `columns`: exact name -> DuckDB's name as an identifier."""

    columns: Mapping[str, str]
    files: tuple[Path, ...]

    @property
    def relation(self) -> str:
        return f"read_parquet([{', '.join(quoted(str(file)) for file in self.files)}])"

    def text(self, column: str) -> str:
        """A column as text, null where the files have none."""
        return f"{self.columns[column]}::VARCHAR" if column in self.columns else "NULL::VARCHAR"

    def value(self, key: Key) -> str:
        """The value of a tag or cost category in each row, null where it has none."""
        column = self.text(key.column)
        if key.entry is None or key.column not in self.columns:
            return column
        pointer = "/" + key.entry.replace("~", "~0").replace("/", "~1")
        # a text that is no JSON has no keys
        return f"CASE WHEN json_valid({column}) THEN json_extract_string({column}, {quoted(pointer)}) END"


class LineItemFiles:
    """The files of a month. Reads their headers only."""

    def __init__(self, engine: DuckDBPyConnection, files: Sequence[Path]) -> None:
        self._engine = engine
        by_header: dict[tuple[tuple[str, str], ...], list[Path]] = {}
        for file in files:
            header = tuple((name, str(kind)) for name, kind in pl.read_parquet_schema(file).items())
            by_header.setdefault(header, []).append(file)
        self.groups = tuple(
            FileGroup(self._named([name for name, _ in header], members[0]), tuple(members))
            for header, members in by_header.items()
        )

    @property
    def columns(self) -> set[str]:
        """Every column that some file has."""
        return {name for group in self.groups for name in group.columns}

    def have(self, column: str) -> bool:
        """Whether every file has the column."""
        return all(column in group.columns for group in self.groups)

    def lack(self, column: str) -> bool:
        """Whether no file has the column."""
        return column not in self.columns

    def keys(self) -> list[Key]:
        """The tags and cost categories of the month; maps are looked through."""
        distinct = {key: None for name in sorted(self.columns) if (key := keys.of_column(name))}
        for column in keys.MAPS:
            for entry in self._entries(column):
                if key := keys.of_entry(column, entry):
                    distinct[key] = None
        return list(distinct)

    def relation(self, columns: Collection[str], more: Mapping[str, Callable[[FileGroup], str]]) -> str:
        """One relation of all files: `columns` under their names, null where a file has none; and `more`."""
        nothing = {name: "NULL::VARCHAR" if self.lack(name) else "NULL" for name in columns}
        parts = []
        for group in self.groups:
            selected = [f"{group.columns.get(name, nothing[name])} AS {name}" for name in columns]
            selected += [f"{expression(group)} AS {name}" for name, expression in more.items()]
            parts.append(f"SELECT {', '.join(selected)} FROM {group.relation}")
        return f"({' UNION ALL '.join(parts)})"

    def _entries(self, column: str) -> list[str]:
        maps = [f"SELECT {group.text(column)} AS entries FROM {group.relation}" for group in self._with(column)]
        if not maps:
            return []
        rows = self._engine.execute(
            f"SELECT DISTINCT unnest(json_keys(entries)) AS entry "
            f"FROM (SELECT DISTINCT entries FROM ({' UNION ALL '.join(maps)})) "
            f"WHERE json_valid(entries) AND json_type(entries) = 'OBJECT' ORDER BY entry"
        ).fetchall()
        return [entry for (entry,) in rows if entry]

    def _with(self, column: str) -> Iterator[FileGroup]:
        return (group for group in self.groups if column in group.columns)

    def _named(self, header: Sequence[str], file: Path) -> dict[str, str]:
        described = self._engine.execute(f"DESCRIBE SELECT * FROM read_parquet({quoted(str(file))})").fetchall()
        identifiers = ('"' + row[0].replace('"', '""') + '"' for row in described)
        return dict(zip(header, identifiers, strict=True))

"""CSV read record by record, for files that are not plain: it takes what RFC 4180 allows and names what it does not.

Slow, so it reads only what the scanner does not know: blank lines between rows, quotes inside a cell
that is not quoted, rows longer than its memory. Everything else that it meets is a fault of the file.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import polars as pl

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops.container import inflated

_AT_ONCE: Final = 8_000

_CELL: Final = re.compile(r'(?:"(?:[^"]|"")*"|(?!")[^,\r\n]*)(?:,|\r?\n|\r|$)')


def frames_of_records(
    path: Path, *, header: Sequence[str], kept: Sequence[str], skip: int, where: str
) -> Iterator[pl.DataFrame]:
    """The columns `kept` of a CSV file, plain or gzip, as text, behind its first `skip` rows; blank cells are null.

    Raises `PermanentFailure` naming row (1 is the first after the header, blank lines are none) and column of one
    that has not a cell for each name of `header`, is wrongly quoted or not UTF-8.
    """
    positions = {name: header.index(name) for name in kept}
    records = islice(_records(path, header, where=where), skip, None)
    while batch := list(islice(records, _AT_ONCE)):
        columns = {name: [record[at] or None for record in batch] for name, at in positions.items()}
        yield pl.DataFrame(columns, schema=dict.fromkeys(kept, pl.String()))


def _records(path: Path, header: Sequence[str], *, where: str) -> Iterator[list[str]]:
    with inflated(path) as file, io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="") as text:
        lines = _Lines(text)
        reader = csv.reader(lines, strict=True)
        next(reader)
        number = 0
        while True:
            lines.of_record.clear()
            try:
                record = next(reader, None)
            except csv.Error as error:
                at = _first_broken(header, "".join(lines.of_record))
                raise PermanentFailure(
                    "cell-wrongly-quoted",
                    "{where}: row {row}, column {column}: wrongly quoted ({reason})",
                    where=where,
                    row=number + 1,
                    column=at,
                    reason=str(error),
                ) from error
            if record is None:
                return
            if not record or (len(record) == 1 and not record[0].strip()):
                continue
            number += 1
            _check(record, header, where=f"{where}: row {number}")
            yield record


class _Lines:
    """Lines of a text; `of_record` remembers those since it was cleared."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.of_record: list[str] = []

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.of_record.append(line)
            yield line


def _check(record: list[str], header: Sequence[str], *, where: str) -> None:
    if len(record) < len(header):
        at = header[len(record)]
        raise PermanentFailure(
            "row-too-short",
            "{where}, column {column}: the row ends before it, after {cells} of {names} cells",
            where=where,
            column=at,
            cells=len(record),
            names=len(header),
        )
    if len(record) > len(header):
        raise PermanentFailure(
            "row-too-long",
            "{where}, column {column}: the header has {names} columns and the row {cells} cells (a comma "
            "without quotes?)",
            where=where,
            column=len(header) + 1,
            names=len(header),
            cells=len(record),
        )
    if not "".join(record).isprintable():
        for name, cell in zip(header, record, strict=True):
            if any("\udc80" <= character <= "\udcff" for character in cell):
                raise PermanentFailure(
                    "cell-no-utf8", "{where}, column {column}: not UTF-8", where=where, column=name
                )


def _first_broken(header: Sequence[str], record: str) -> str:
    """The column of the first cell that is not quoted as a whole or not at all."""
    at = position = 0
    while (cell := _CELL.match(record, position)) and cell.end() < len(record):
        at, position = at + 1, cell.end()
    return header[at] if at < len(header) else str(at + 1)

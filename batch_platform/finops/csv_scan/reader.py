"""The one way into CSV files: the scanner, and Python's csv from the first row that is not plain."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from batch_platform.finops.csv_scan.records import frames_of_records
from batch_platform.finops.csv_scan.scanner import NotPlain, frames_of_plain_rows


def scan_columns(path: Path, *, header: Sequence[str], columns: Sequence[str], where: str) -> pl.LazyFrame:
    """The columns of these names of a CSV file, plain or gzip, as text; blank cells, quoted ones too, are null.

    `header` are the names of the file's columns, each once and in its order; those of `columns` that it lacks are
    left out. Reading it raises `PermanentFailure` naming row and column of what is not as the header says, and what a
    broken gzip file raises.
    """
    names = set(columns)
    kept = [name for name in header if name in names]

    def frames(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        for frame in _frames(path, header, kept, where=where):
            part = frame if n_rows is None else frame.head(n_rows)
            n_rows = None if n_rows is None else n_rows - part.height
            part = part if with_columns is None else part.select(with_columns)
            yield part if predicate is None else part.filter(predicate)
            if n_rows == 0:
                return

    return register_io_source(frames, schema=dict.fromkeys(kept, pl.String()))


def _frames(path: Path, header: Sequence[str], kept: Sequence[str], *, where: str) -> Iterator[pl.DataFrame]:
    plain = _ahead(frames_of_plain_rows(path, header=header, kept=kept))
    rows = 0
    try:
        for frame in plain:
            yield frame
            rows += frame.height
    except (NotPlain, UnicodeDecodeError):
        yield from frames_of_records(path, header=header, kept=kept, skip=rows, where=where)
    finally:
        plain.close()


def _ahead(frames: Iterator[pl.DataFrame]) -> Generator[pl.DataFrame]:
    """The same, the next one being made meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="finops-csv") as pool:
        coming = pool.submit(next, frames, None)
        while (frame := coming.result()) is not None:
            coming = pool.submit(next, frames, None)
            yield frame

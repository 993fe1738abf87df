"""The wanted columns of a CSV file, put down as columns without polars splitting its rows.

A cost and usage report has some 200 columns, most of them empty, of which a cost needs 40. polars looks at the fields
of a row one by one, wanted or not, which costs more than all else together; the scanner in `projection.wat` counts
separators 64 bytes at a time and writes what is wanted where polars takes it over as it stands. It is WebAssembly,
compiled when a process first reads a file (3 ms): machine code without a compiler to install.

It knows only rows that have exactly the header's number of fields and quote whole fields. Where it meets anything
else, or a cell that is no UTF-8, `records` reads the rest of the file: it knows what such a file holds, or says what
is wrong with it.
"""

from __future__ import annotations

import atexit
import struct
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from polars.io.plugins import register_io_source

from batch_platform.finops.container import inflated
from batch_platform.finops.records import frames_of_records
from batch_platform.finops.text_columns import TextColumn, frame_of

if TYPE_CHECKING:
    from wasmtime import Engine, Module

_TEXT: Final = 4 << 20  # a call of the scanner has a cost of its own,
_ROWS: Final = 8_000  # and so has a frame; more of either stays in no processor's cache
_HEAP: Final = 8 << 20
_LINE: Final = 64  # bytes that a processor reads at once, and the scanner beyond an end
_PAGE: Final = 1 << 16
_VIEW: Final = 16  # bytes

_CELL: Final = 1
_END_OF_ROW: Final = 2


class _NotPlain(Exception):
    """Text the scanner does not know."""


def scan_columns(path: Path, *, names: Sequence[str], wanted: Sequence[str], where: str) -> pl.LazyFrame:
    """The columns `wanted` of a CSV file, plain or gzip, as text; blank cells, quoted ones too, are null.

    `names` are those of the file's header, each once and in its order. Reading it raises `PermanentFailure` naming
    row and column of what is not as the header says, and what a broken gzip file raises.
    """
    chosen = set(wanted)
    kept = [name for name in names if name in chosen]

    def frames(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _batch: int | None
    ) -> Iterator[pl.DataFrame]:
        for frame in _frames(path, names, kept, where=where):
            part = frame if rows is None else frame.head(rows)
            rows = None if rows is None else rows - part.height
            part = part if columns is None else part.select(columns)
            yield part if predicate is None else part.filter(predicate)
            if rows == 0:
                return

    return register_io_source(frames, schema=dict.fromkeys(kept, pl.String()))


def _frames(path: Path, names: Sequence[str], kept: Sequence[str], *, where: str) -> Iterator[pl.DataFrame]:
    scanned = _ahead(_scanned(path, names, kept))
    done = 0
    try:
        for frame in scanned:
            yield frame
            done += frame.height
    except (_NotPlain, UnicodeDecodeError):
        yield from frames_of_records(path, names=names, kept=kept, skip=done, where=where)
    finally:
        scanned.close()


def _ahead(frames: Iterator[pl.DataFrame]) -> Generator[pl.DataFrame]:
    """The same, the next one being made meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="finops-csv") as pool:
        coming = pool.submit(next, frames, None)
        while (frame := coming.result()) is not None:
            coming = pool.submit(next, frames, None)
            yield frame


def _scanned(path: Path, names: Sequence[str], kept: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The rows behind the header.

    Raises `_NotPlain` and what a broken gzip file raises.
    """
    scanner = _Scanner(names, kept)
    header = 1
    with inflated(path) as file:
        held = 0
        while True:
            count = held
            while count < _TEXT and (more := file.readinto(scanner.text[count:_TEXT])):
                count += more
            at_end = count < _TEXT
            if at_end:
                count = _end_of_rows(scanner.text, count)
            consumed = scanner.scan(count)
            if consumed < 0 or (at_end and consumed < count) or (not at_end and not consumed):
                raise _NotPlain
            held = count - consumed
            scanner.text[:held] = bytes(scanner.text[consumed:count])
            if scanner.is_full or at_end:
                yield scanner.frame()[header:]
                header = 0
            if at_end:
                return


def _end_of_rows(text: memoryview, count: int) -> int:
    """Where the last row ends, with a line end: it may lack one, and blank lines may follow it."""
    while count and text[count - 1] in b"\r\n":
        count -= 1
    if count:
        text[count] = ord("\n")
        count += 1
    return count


def _steps(wanted: Sequence[bool]) -> bytes:
    """What the scanner does at which separator of a row; see `projection.wat`."""
    steps: list[int] = []
    passed = 0
    for position, want in enumerate(wanted):
        following = position + 1 < len(wanted)
        if want or not following or wanted[position + 1]:
            steps += [position + 1 - passed, (_CELL if want else 0) | (0 if following else _END_OF_ROW)]
            passed = position + 1
    return struct.pack(f"<{len(steps)}i", *steps)


class _Scanner:
    """One instance of the scanner with its memory: steps, text, columns, heap."""

    def __init__(self, names: Sequence[str], kept: Sequence[str]) -> None:
        from wasmtime import Instance, Store

        engine, module = _compiled()
        self._store = Store(engine)
        exports: Any = Instance(self._store, module, []).exports(self._store)
        self._scan = exports["scan"]
        steps = _steps([name in set(kept) for name in names])
        self._kept = kept
        # no text holds more rows than one of empty cells
        rows = _ROWS + (_TEXT + 1) // len(names) + 1
        self._views = _aligned(-(-rows // 8))
        # columns that lie whole pages apart would push each other out of a processor's cache
        self._stride = -(-(self._views + rows * _VIEW) // _PAGE) * _PAGE + 3 * _LINE
        self._steps = _PAGE
        self._text = self._steps + _aligned(len(steps)) + _LINE
        self._columns = self._text + _aligned(_TEXT) + 2 * _LINE
        self._heap = self._columns + self._stride * len(kept)
        size = self._heap + _HEAP + _TEXT + 2 * _LINE
        memory = exports["memory"]
        memory.grow(self._store, size // _PAGE)
        self._memory = memoryview(memory.get_buffer_ptr(self._store, size)).cast("B")
        self._memory[self._steps : self._steps + len(steps)] = steps
        self.text = self._memory[self._text : self._columns]
        self._nothing = bytes(rows * _VIEW)
        self._rows = self._used = 0

    def scan(self, length: int) -> int:
        """Add the rows of `length` bytes of text to the columns; how many bytes were consumed, -1 for strange ones.

        Raises `UnicodeDecodeError` for text that is no UTF-8, also in columns nobody wants.
        """
        place = (self._columns, self._views, self._stride, self._rows, self._heap, self._used)
        used, consumed, rows, beyond_ascii = self._scan(self._store, self._steps, self._text, length, *place)
        if beyond_ascii and consumed > 0:
            str(self.text[:consumed], "utf-8")
        self._rows, self._used = rows, used
        return int(consumed)

    @property
    def is_full(self) -> bool:
        """Whether there may be no room for another text."""
        return self._rows >= _ROWS or self._used >= _HEAP

    def frame(self) -> pl.DataFrame:
        """The rows since the last frame."""
        rows, heap = self._rows, self._memory[self._heap : self._heap + self._used]
        columns = {name: self._column(self._columns + i * self._stride) for i, name in enumerate(self._kept)}
        self._rows = self._used = 0
        return frame_of(columns, rows, bytes(heap))

    def _column(self, begin: int) -> TextColumn:
        """A copy of a column, which is empty again."""
        rows = self._rows
        # of the row that was begun only, some cells may be there already
        bitmap = self._memory[begin : begin + rows // 8 + 1]
        views = self._memory[begin + self._views : begin + self._views + (rows + 1) * _VIEW]
        cells = int.from_bytes(bitmap, "little")
        if not cells:
            return TextColumn(self._nothing, rows, self._nothing)
        present = cells & ((1 << rows) - 1)
        nulls = rows - present.bit_count()
        column = TextColumn(present.to_bytes(len(bitmap), "little") if nulls else None, nulls, bytes(views))
        zeros = memoryview(self._nothing)
        bitmap[:], views[:] = zeros[: len(bitmap)], zeros[: len(views)]
        return column


def _aligned(size: int) -> int:
    return -(-size // _LINE) * _LINE


@lru_cache(maxsize=1)
def _compiled() -> tuple[Engine, Module]:
    from wasmtime import Engine, Module

    # its destructors need modules that are gone by the time the interpreter would run them
    atexit.register(_compiled.cache_clear)
    engine = Engine()
    return engine, Module(engine, resources.files(__package__).joinpath("projection.wat").read_text())

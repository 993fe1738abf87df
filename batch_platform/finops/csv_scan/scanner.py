"""Plain rows of a CSV file, put down as columns by the WebAssembly of `scanner.wat`, compiled at first use (3 ms).

Plain are rows with exactly the header's number of fields, in text that is UTF-8 and quotes whole fields or none.
"""

from __future__ import annotations

import atexit
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from batch_platform.finops.container import inflated
from batch_platform.finops.csv_scan.string_views import VIEW, TextColumn, frame_of

if TYPE_CHECKING:
    from wasmtime import Engine, Module

_TEXT: Final = 4 << 20  # a call of the scanner has a cost of its own,
_ROWS: Final = 8_000  # and so has a frame; more of either stays in no processor's cache
_HEAP: Final = 8 << 20
_LINE: Final = 64  # bytes that a processor reads at once, and the scanner beyond an end
_PAGE: Final = 1 << 16

_CELL: Final = 1
_END_OF_ROW: Final = 2


class NotPlain(Exception):
    """Text the scanner does not know."""


def frames_of_plain_rows(path: Path, *, header: Sequence[str], kept: Sequence[str]) -> Iterator[pl.DataFrame]:
    """The columns `kept` of a CSV file, plain or gzip, as text, behind its header; blank cells are null.

    Raises `NotPlain` or `UnicodeDecodeError` at the first text with other rows, and what a broken gzip file raises.
    """
    scanner = _Scanner(header, kept)
    skip = 1
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
                raise NotPlain
            held = count - consumed
            scanner.text[:held] = bytes(scanner.text[consumed:count])
            if scanner.is_full or at_end:
                yield scanner.frame()[skip:]
                skip = 0
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


def _steps(keeps: Sequence[bool]) -> bytes:
    """What the scanner does at which separator of a row; see `scanner.wat`."""
    steps: list[int] = []
    passed = 0
    for position, keep in enumerate(keeps):
        following = position + 1 < len(keeps)
        if keep or not following or keeps[position + 1]:
            steps += [position + 1 - passed, (_CELL if keep else 0) | (0 if following else _END_OF_ROW)]
            passed = position + 1
    return struct.pack(f"<{len(steps)}i", *steps)


class _Scanner:
    """One instance of the scanner with its memory: steps, text, columns, heap."""

    def __init__(self, header: Sequence[str], kept: Sequence[str]) -> None:
        from wasmtime import Instance, Store

        engine, module = _compiled()
        self._store = Store(engine)
        exports: Any = Instance(self._store, module, []).exports(self._store)
        self._scan = exports["scan"]
        steps = _steps([name in set(kept) for name in header])
        self._kept = kept
        # no text holds more rows than one of empty cells
        rows = _ROWS + (_TEXT + 1) // len(header) + 1
        self._rows_at_most, self._used_at_most = rows, _HEAP + _TEXT
        self._views = _aligned(-(-rows // 8))
        # columns that lie whole pages apart would push each other out of a processor's cache
        self._stride = -(-(self._views + rows * VIEW) // _PAGE) * _PAGE + 3 * _LINE
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
        self._nothing = bytes(rows * VIEW)
        self._rows = self._used = 0

    def scan(self, length: int) -> int:
        """Add the rows of `length` bytes of text to the columns; how many bytes were consumed, -1 for strange ones.

        Raises `RuntimeError` where there was no room for them, which would be a fault of the scanner, and
        `UnicodeDecodeError` for text that is no UTF-8, also in columns that are not kept.
        """
        place = (self._columns, self._views, self._stride, self._rows, self._heap, self._used)
        used, consumed, rows, beyond_ascii = self._scan(self._store, self._steps, self._text, length, *place)
        if rows > self._rows_at_most or used > self._used_at_most:
            raise RuntimeError(f"the CSV scanner wrote {rows} rows and {used} bytes of text, beyond its columns")
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
        views = self._memory[begin + self._views : begin + self._views + (rows + 1) * VIEW]
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
    return engine, Module(engine, resources.files(__package__).joinpath("scanner.wat").read_text())

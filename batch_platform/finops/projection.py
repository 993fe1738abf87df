"""The wanted columns of a CSV file, the others left out before polars splits its rows.

A cost and usage report has some 200 columns, most of them empty, of which a cost needs 40. polars looks at the fields
of a row one by one, wanted or not, which costs more than all else together; the scanner in `projection.wat` counts
separators 64 bytes at a time and copies out what is wanted for an eighth of that. It is WebAssembly, compiled when a
process first reads a file (3 ms): machine code without a compiler to install.

It knows only rows that have exactly the header's number of fields and quote whole fields. Where it meets anything
else, a broken gzip stream or a cell that is no UTF-8, polars reads the rest of the file alone: it decides what such a
file holds, or says what is wrong with it.
"""

from __future__ import annotations

import atexit
import struct
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import resources
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from isal import igzip, isal_zlib
from polars.io.plugins import register_io_source

if TYPE_CHECKING:
    from wasmtime import Engine, Module

_TEXT: Final = 2 << 20  # what stays in a processor's cache between inflating and scanning
_COPY: Final = 6 << 20  # a parse has a cost of its own, so not for every text
_MARGIN: Final = 64
_PAGE: Final = 1 << 16

_BROKEN_STREAM: Final[type[Exception]] = isal_zlib.error  # type: ignore[assignment]

_COPIES: Final = 1
_LAST_OF_ROW: Final = 2
_END_OF_ROW: Final = 4


class _NotPlain(Exception):
    """Text the scanner does not know."""


def scan_columns(path: Path, *, names: Sequence[str], wanted: Sequence[str]) -> pl.LazyFrame:
    """The columns `wanted` of a CSV file, plain or gzip, as text; blank cells, quoted ones too, are null.

    `names` are those of the file's header, each once and in its order.
    """
    chosen = set(wanted)
    kept = [name for name in names if name in chosen]

    def frames(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _batch: int | None
    ) -> Iterator[pl.DataFrame]:
        for frame in _frames(path, names, kept):
            part = frame if rows is None else frame.head(rows)
            rows = None if rows is None else rows - part.height
            part = part if columns is None else part.select(columns)
            yield part if predicate is None else part.filter(predicate)
            if rows == 0:
                return

    return register_io_source(frames, schema=dict.fromkeys(kept, pl.String()))


def _frames(path: Path, names: Sequence[str], kept: Sequence[str]) -> Iterator[pl.DataFrame]:
    schema = dict.fromkeys(kept, pl.String())
    texts = _ahead(_texts(path, names, kept))
    first, done = True, 0
    try:
        for text in texts:
            frame = pl.read_csv(text, has_header=first, schema=schema, null_values="")
            yield frame
            first, done = False, done + frame.height
    except (_NotPlain, EOFError, OSError, UnicodeDecodeError, _BROKEN_STREAM, pl.exceptions.PolarsError):
        whole = pl.scan_csv(path, infer_schema=False, null_values="")
        whole = whole.rename(dict(zip(whole.collect_schema().names(), names, strict=True))).select(kept)
        # a slice of the scan itself would skip faults too
        for frame in whole.collect_batches(engine="streaming"):
            yield frame.slice(done)
            done -= min(done, frame.height)
    finally:
        texts.close()


def _ahead(texts: Iterator[bytes]) -> Generator[bytes]:
    """The same, the next one being made meanwhile."""
    with ThreadPoolExecutor(1, thread_name_prefix="finops-csv") as pool:
        coming = pool.submit(next, texts, b"")
        while text := coming.result():
            coming = pool.submit(next, texts, b"")
            yield text


def _texts(path: Path, names: Sequence[str], kept: Sequence[str]) -> Iterator[bytes]:
    """The file with the kept columns only, cut behind rows; its header is the first row.

    Raises `_NotPlain` and what a broken gzip file raises.
    """
    steps = _steps([name in set(kept) for name in names])
    scanner = _Scanner(steps)
    with _open(path) as file:
        held = copied = 0
        while True:
            count = held
            while count < _TEXT and (more := file.readinto(scanner.text[count:_TEXT])):
                count += more
            at_end = count < _TEXT
            if at_end and count and scanner.text[count - 1] != ord("\n"):
                scanner.text[count] = ord("\n")
                count += 1
            copied, consumed = scanner.keep(count, copied)
            if consumed < 0 or (at_end and consumed < count) or (not at_end and not consumed):
                raise _NotPlain
            held = count - consumed
            scanner.text[:held] = bytes(scanner.text[consumed:count])
            if copied > _COPY - _TEXT or (at_end and copied):
                yield bytes(scanner.copy[:copied])
                copied = 0
            if at_end:
                return


def _open(path: Path) -> BufferedIOBase:
    with path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    opener = igzip.open if zipped else open
    return opener(path, "rb")


def _steps(wanted: Sequence[bool]) -> bytes:
    """What the scanner does at which separator of a row; see `projection.wat`."""
    steps: list[int] = []
    passed, last = 0, max((i for i, want in enumerate(wanted) if want), default=-1)
    for position, want in enumerate(wanted):
        following = position + 1 < len(wanted)
        changes = not following or want != wanted[position + 1]
        if changes:
            flags = (_COPIES if want else 0) | (_LAST_OF_ROW if position == last else 0)
            steps += [position + 1 - passed, flags | (0 if following else _END_OF_ROW)]
            passed = position + 1
    return struct.pack(f"<{len(steps)}i", *steps)


class _Scanner:
    """One instance of the scanner with its memory: steps, text, copy."""

    def __init__(self, steps: bytes) -> None:
        from wasmtime import Instance, Store

        engine, module = _compiled()
        self._store = Store(engine)
        exports: Any = Instance(self._store, module, []).exports(self._store)
        self._text_at = len(steps) + _MARGIN
        self._copy_at = self._text_at + _TEXT + _MARGIN
        size = self._copy_at + _COPY + _MARGIN
        memory = exports["memory"]
        memory.grow(self._store, size // _PAGE)
        self._keep = exports["keep"]
        whole = memoryview(memory.get_buffer_ptr(self._store, size)).cast("B")
        whole[: len(steps)] = steps
        self.text = whole[self._text_at : self._copy_at]
        self.copy = whole[self._copy_at :]

    def keep(self, length: int, copied: int) -> tuple[int, int]:
        """Scan `length` bytes of text behind `copied` bytes of copy: the bytes of copy now, and those consumed.

        Raises `UnicodeDecodeError` for text that is no UTF-8, also in columns nobody wants.
        """
        end, consumed, beyond_ascii = self._keep(self._store, 0, self._text_at, length, self._copy_at + copied)
        if beyond_ascii and consumed > 0:
            str(self.text[:consumed], "utf-8")
        return end - self._copy_at, consumed


@lru_cache(maxsize=1)
def _compiled() -> tuple[Engine, Module]:
    from wasmtime import Engine, Module

    # its destructors need modules that are gone by the time the interpreter would run them
    atexit.register(_compiled.cache_clear)
    engine = Engine()
    return engine, Module(engine, resources.files(__package__).joinpath("projection.wat").read_text())

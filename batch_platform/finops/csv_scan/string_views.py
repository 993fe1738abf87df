"""Columns of text that stand in memory already, handed over to polars without being copied.

By Arrow's C data interface (https://arrow.apache.org/docs/format/CDataInterface.html): a struct of one child a
column, each in the layout "string view" (.../format/Columnar.html, "Variable-size Binary View Layout").
"""

from __future__ import annotations

import ctypes
import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

VIEW: Final = 16  # bytes
_NULLABLE: Final = 2
_FUNCTION: Final = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Schema(ctypes.Structure):
    """`struct ArrowSchema`."""

    _fields_ = (
        ("format", ctypes.c_char_p),
        ("name", ctypes.c_char_p),
        ("metadata", ctypes.c_char_p),
        ("flags", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", _FUNCTION),
        ("private_data", ctypes.c_void_p),
    )


class _Array(ctypes.Structure):
    """`struct ArrowArray`."""

    _fields_ = (
        ("length", ctypes.c_int64),
        ("null_count", ctypes.c_int64),
        ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64),
        ("n_children", ctypes.c_int64),
        ("buffers", ctypes.c_void_p),
        ("children", ctypes.c_void_p),
        ("dictionary", ctypes.c_void_p),
        ("release", _FUNCTION),
        ("private_data", ctypes.c_void_p),
    )


@dataclass(frozen=True)
class TextColumn:
    """A bitmap of the rows that have text (none: all have), how many have none, and 16 bytes a row."""

    present: bytes | None
    nulls: int
    views: bytes


def frame_of(columns: dict[str, TextColumn], rows: int, heap: bytes) -> pl.DataFrame:
    """The frame of these columns, whose longer texts stand in `heap`. It keeps what it was made of alive.

    polars checks none of it: every view has to lie inside the heap, and all text has to be UTF-8. Raises `ValueError`
    for a column with too few bytes for its rows.
    """
    for name, column in columns.items():
        if len(column.views) < rows * VIEW or (column.present is not None and len(column.present) * 8 < rows):
            raise ValueError(f"column {name}: {len(column.views)} bytes of views for {rows} rows")
    return pl.Series(_Offer(columns, rows, heap)).struct.unnest()


class _Offer:
    """What polars is asked to take over: the arrays for good; the schema is read at once."""

    def __init__(self, columns: dict[str, TextColumn], rows: int, heap: bytes) -> None:
        sizes = struct.pack("<q", len(heap))
        texts = [_array(rows, [text.present, text.views, heap, sizes], nulls=text.nulls) for text in columns.values()]
        self._array = _array(rows, [None], children=texts)
        self._names = [_Schema(b"vu", name.encode(), flags=_NULLABLE, release=_READ) for name in columns]
        self._pointers = _pointers(self._names)
        children = {"n_children": len(self._names), "children": ctypes.addressof(self._pointers)}
        self._schema = _Schema(b"+s", b"", release=_READ, **children)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        return _capsule(self._schema, b"arrow_schema"), _capsule(self._array, b"arrow_array")


def _capsule(made: _Schema | _Array, name: bytes) -> object:
    new = ctypes.pythonapi.PyCapsule_New
    new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
    return new(ctypes.addressof(made), name, None)


def _pointers(structures: Sequence[_Schema | _Array]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * len(structures))(*map(ctypes.addressof, structures))


def _array(rows: int, buffers: Sequence[bytes | None], *, nulls: int = 0, children: Sequence[_Array] = ()) -> _Array:
    """An array that keeps alive what it points to until it is released."""
    starts, pointers = (ctypes.c_char_p * len(buffers))(*buffers), _pointers(children)
    array = _Array(rows, nulls, 0, len(buffers), len(children), ctypes.addressof(starts), ctypes.addressof(pointers))
    array.release, array.private_data = _RELEASED, next(_NUMBERS)
    _ALIVE[array.private_data] = (array, buffers, starts, children, pointers)
    return array


def _release(address: int) -> None:
    """Called by whoever took the array over and needs it no longer, in any thread."""
    # a copy of the structure that was made here, with the same pointers
    taken = _Array.from_address(address)
    for child in (ctypes.c_void_p * taken.n_children).from_address(taken.children):
        if _Array.from_address(child).release:
            _release(child)
    taken.release = _FUNCTION()
    del _ALIVE[taken.private_data]


def _read(address: int) -> None:
    _Schema.from_address(address).release = _FUNCTION()


_RELEASED: Final = _FUNCTION(_release)
_READ: Final = _FUNCTION(_read)
_NUMBERS: Final = itertools.count(1)
_ALIVE: Final[dict[int, tuple[object, ...]]] = {}
"""By number, what an array points to, until it is released."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from unittest.mock import patch

import polars as pl
import pytest

from batch_platform.finops.csv_scan import scanner
from batch_platform.finops.csv_scan.string_views import TextColumn, frame_of


def assert_views_lie_inside(column: TextColumn, rows: int, heap: bytes) -> None:
    """What Arrow asks of string views (columnar format, "Variable-size Binary View Layout"), view by view."""
    present = (1 << rows) - 1 if column.present is None else int.from_bytes(column.present, "little")
    assert present >> rows == 0
    assert column.nulls == rows - present.bit_count()
    assert len(column.views) >= rows * 16
    for row in range(rows):
        view = column.views[row * 16 : row * 16 + 16]
        size, prefix, buffer, offset = struct.unpack("<i4sii", view)
        if not present >> row & 1:
            assert view == bytes(16)
            continue
        assert size > 0
        if size <= 12:
            assert view[4 + size :] == bytes(12 - size)
            text = view[4 : 4 + size]
        else:
            assert buffer == 0
            assert 0 <= offset <= len(heap) - size
            text = heap[offset : offset + size]
            assert text[:4] == prefix
        text.decode()


@pytest.fixture(autouse=True)
def views() -> Iterator[None]:
    """Every view of every frame that the scanner hands over is looked at."""

    def checked(columns: dict[str, TextColumn], rows: int, heap: bytes) -> pl.DataFrame:
        for column in columns.values():
            assert_views_lie_inside(column, rows, heap)
        return frame_of(columns, rows, heap)

    with patch.object(scanner, "frame_of", checked):
        yield


@pytest.fixture(autouse=True)
def small_texts() -> Iterator[None]:
    """Every few rows are a text of their own, and every few texts a frame."""
    with patch.multiple(scanner, _TEXT=512, _ROWS=9, _HEAP=700):
        yield

"""Text that stands in memory becomes a frame, which keeps that memory as long as it is needed and no longer."""

from __future__ import annotations

import struct
import threading

import polars as pl
import pytest

from batch_platform.finops.csv_scan import string_views
from batch_platform.finops.csv_scan.string_views import TextColumn, frame_of

LONG = "a text of more than twelve bytes"


def column(*cells: str | None) -> tuple[TextColumn, bytes]:
    """A column of these cells, and its heap."""
    views, heap = b"", b""
    for cell in cells:
        text = (cell or "").encode()
        if len(text) <= 12:
            views += struct.pack("<i12s", len(text), text)
        else:
            views += struct.pack("<i4sii", len(text), text, 0, len(heap))
            heap += text
    present = sum(1 << row for row, cell in enumerate(cells) if cell is not None)
    return TextColumn(present.to_bytes(2, "little"), cells.count(None), views), heap


def test_short_and_long_texts_and_none() -> None:
    cells = ["", "short", None, "just twelve.", LONG, "日本語の長い文字列"]
    texts, heap = column(*cells)
    nothing = TextColumn(bytes(1), 6, bytes(96))
    frame = frame_of({"text": texts, "一": nothing}, 6, heap)
    assert frame.schema == {"text": pl.String(), "一": pl.String()}
    assert frame.rows() == [(cell, None) for cell in cells]
    assert frame.null_count().row(0) == (1, 6)
    assert frame.with_columns(pl.col("text").str.to_uppercase()).item(4, "text") == LONG.upper()


def test_a_column_that_is_always_there_and_no_rows_at_all() -> None:
    texts, heap = column(LONG, "b")
    frame = frame_of({"text": TextColumn(None, 0, texts.views)}, 2, heap)
    assert frame.get_column("text").to_list() == [LONG, "b"]
    assert frame_of({"text": TextColumn(None, 0, b"")}, 0, b"").height == 0


def test_memory_is_kept_as_long_as_it_is_needed() -> None:
    before = len(string_views._ALIVE)
    texts, heap = column(*[LONG] * 9)
    whole = frame_of({"a": texts, "b": texts}, 9, heap)
    del texts, heap
    part = [whole.get_column("b").slice(4, 2)]
    del whole
    assert part[0].to_list() == [LONG, LONG]
    # the last one who needs it may be another thread
    thread = threading.Thread(target=part.clear)
    thread.start()
    thread.join()
    assert len(string_views._ALIVE) == before


def test_a_column_too_short_for_its_rows_is_refused() -> None:
    texts, heap = column(LONG, "b")
    for short in (TextColumn(None, 0, texts.views), TextColumn(bytes(1), 9, bytes(9 * 16))):
        with pytest.raises(ValueError, match="column text: "):
            frame_of({"text": short}, 9, heap)

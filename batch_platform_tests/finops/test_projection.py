"""Leaving columns out before polars splits the rows changes nothing of what polars reads."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch_platform.finops import projection

NAMES = ["a", "b", "c", "d", "e"]
PLAIN = b"a,b,c,d,e\n1,,3,,5\n"

cells = st.text('ab1,"\n é', max_size=40) | st.sampled_from(["", "", "123456789012", "1234567890123"])
tables = st.lists(st.lists(cells, min_size=5, max_size=5), max_size=30)
subsets = st.sets(st.sampled_from(NAMES), min_size=1)
scraps = st.sampled_from([b",", b",,,,", b"\n", b"\r\n", b'"', b'""', b'","', b"x", "é".encode(), b"\xff", b"1" * 70])


@pytest.fixture(autouse=True)
def small_texts() -> Iterator[None]:
    """Every few rows are a text of their own, and every few texts a frame."""
    with patch.multiple(projection, _TEXT=512, _ROWS=9, _HEAP=700):
        yield


def ours(text: bytes, wanted: set[str]) -> pl.DataFrame | str:
    return outcome(text, lambda path: projection.scan_columns(path, names=NAMES, wanted=sorted(wanted)))


def plain(text: bytes, wanted: set[str]) -> pl.DataFrame | str:
    kept = [name for name in NAMES if name in wanted]
    return outcome(text, lambda path: pl.scan_csv(path, infer_schema=False, null_values="").select(kept))


def outcome(text: bytes, scan: Callable[[Path], pl.LazyFrame]) -> pl.DataFrame | str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(text)
        try:
            return scan(path).collect(engine="streaming")
        except (pl.exceptions.PolarsError, OSError):
            return "refused"


def assert_same(text: bytes, wanted: set[str]) -> None:
    for file in (text, gzip.compress(text, 1)):
        left, right = ours(file, wanted), plain(file, wanted)
        assert isinstance(left, str) == isinstance(right, str), (left, right)
        assert isinstance(left, str) or left.equals(right), (left, right)  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(tables, subsets, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(["\n", "\r\n"]))
def test_well_formed_rows(rows: list[list[str]], wanted: set[str], quoting: Literal[0, 1], ending: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting, lineterminator=ending)
    writer.writerows([NAMES, *rows])
    assert_same(text.getvalue().encode(), wanted)
    with patch.object(pl, "scan_csv", side_effect=AssertionError("nothing is left to polars")):
        ours(text.getvalue().encode(), wanted)


@settings(max_examples=300, deadline=None)
@given(st.lists(scraps, max_size=60), subsets)
@example([b"1,2,3,4,5\n", b"1,2,3\n", b"1,2,3,4,5\n"], {"a", "d"})
@example([b"1,2,3,4,5,6\n"], {"a"})
@example([b'5" disk,2,3,4,"5', b'"\n'], {"b"})
@example([b'"a"b,2,3,4,5\n'], {"a", "b"})
@example([b"1,2,3,4,5\n" * 40, b"\xff,2,3,4,5\n"], {"b"})
@example([b"1,2,3,4,5\n" * 40, b"\xff,2,3,4,5\n"], {"a"})
@example([b"1,2,3,4,5"], {"e"})
@example([b"1,2,3,4,5"], {"a"})
@example([b"1" * 1000, b",2,3,4,5\n"], {"a"})
@example([], {"c"})
def test_whatever_else_a_file_holds(pieces: list[bytes], wanted: set[str]) -> None:
    assert_same(b"a,b,c,d,e\n" + b"".join(pieces), wanted)


@pytest.mark.parametrize("length", range(1, 60, 7))
def test_a_truncated_stream_is_refused(length: int) -> None:
    packed = gzip.compress(PLAIN + b"12,345,,,6789\n" * 2000)
    assert ours(packed[:-length], {"b"}) == "refused"


def test_a_wrong_checksum_is_refused() -> None:
    packed = bytearray(gzip.compress(PLAIN * 100))
    packed[-5] ^= 1
    assert ours(bytes(packed), {"b"}) == "refused"


def test_all_members_of_a_gzip_file_are_read() -> None:
    frame = ours(gzip.compress(PLAIN) + gzip.compress(b"6,,8,,\n"), {"c", "e"})
    assert isinstance(frame, pl.DataFrame)
    assert frame.rows() == [("3", "5"), ("8", None)]


def test_a_part_of_the_rows_and_columns() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(PLAIN + b"6,7,8,9,0\n" * 100)
        frame = projection.scan_columns(path, names=NAMES, wanted=["a", "b", "c"])
        assert frame.select("b").head(2).collect().rows() == [(None,), ("7",)]
        assert frame.filter(pl.col("a") == "1").select("c").collect().rows() == [("3",)]

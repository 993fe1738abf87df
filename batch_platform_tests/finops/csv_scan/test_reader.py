"""The scanner, and what reads on where it gives up, read what Python's csv reads, and refuse the rest by name."""

from __future__ import annotations

import csv
import gzip
import io
import re
import tempfile
from pathlib import Path
from typing import Literal
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops.container import BROKEN_STREAM
from batch_platform.finops.csv_scan import reader, scan_columns

NAMES = ["a", "b", "c", "d", "e"]
PLAIN = b"a,b,c,d,e\n1,,3,,5\n"

cells = st.text('ab1,"\n é', max_size=40) | st.sampled_from(["", "", "123456789012", "1234567890123"])
tables = st.lists(st.lists(cells, min_size=5, max_size=5), max_size=30)
subsets = st.sets(st.sampled_from(NAMES), min_size=1)
scraps = st.sampled_from([b",", b",,,,", b"\n", b"\r\n", b'"', b'""', b'","', b"x", "é".encode(), b"\xff", b"1" * 70])


def ours(text: bytes, columns: set[str]) -> pl.DataFrame | str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(text)
        try:
            frame = scan_columns(path, header=NAMES, columns=sorted(columns), where="file")
            return frame.collect(engine="streaming")
        except PermanentFailure as error:
            return error.message
        except BROKEN_STREAM:
            return "broken"


def expected(text: bytes, columns: set[str]) -> list[tuple[str | None, ...]] | None:
    """The cells of these columns by the standard library, None where a row is at fault."""
    try:
        _, *records = csv.reader(io.StringIO(text.decode(), newline=""), strict=True)
    except (UnicodeDecodeError, csv.Error):
        return None
    records = [record for record in records if len(record) > 1 or "".join(record).strip()]  # no blank lines
    if any(len(record) != len(NAMES) for record in records):
        return None
    kept = [at for at, name in enumerate(NAMES) if name in columns]
    return [tuple(record[at] or None for at in kept) for record in records]


def assert_same(text: bytes, columns: set[str]) -> None:
    for file in (text, gzip.compress(text, 1)):
        result, rows = ours(file, columns), expected(text, columns)
        if rows is None:
            assert isinstance(result, str), result
            assert re.match("file: row [0-9]+, column ([a-e]|[0-9]+): ", result), result
        else:
            assert isinstance(result, pl.DataFrame), result
            assert result.rows() == rows


@settings(max_examples=150, deadline=None)
@given(tables, subsets, st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from(["\n", "\r\n"]))
def test_well_formed_rows(rows: list[list[str]], columns: set[str], quoting: Literal[0, 1], ending: str) -> None:
    text = io.StringIO()
    writer = csv.writer(text, quoting=quoting, lineterminator=ending)
    writer.writerows([NAMES, *rows])
    assert_same(text.getvalue().encode(), columns)
    with patch.object(reader, "frames_of_records", side_effect=AssertionError("all of it is plain")):
        ours(text.getvalue().encode(), columns)


@settings(max_examples=300, deadline=None)
@given(st.lists(scraps, max_size=60), subsets)
@example([b"1,2,3,4,5\n", b"1,2,3\n", b"1,2,3,4,5\n"], {"a", "d"})
@example([b"1,2,3,4,5,6\n"], {"a"})
@example([b'5" disk,2,3,4,"5', b'"\n'], {"b"})
@example([b'"a"b,2,3,4,5\n'], {"a", "b"})
@example([b',,,,""x'], {"a"})
@example([b"1,2,3,4,5\n" * 40, b"\xff,2,3,4,5\n"], {"b"})
@example([b"1,2,3,4,5\n" * 40, b"\xff,2,3,4,5\n"], {"a"})
@example([b"1,2,3,4,5"], {"e"})
@example([b"1,2,3,4,5"], {"a"})
@example([b"1" * 1000, b",2,3,4,5\n"], {"a"})
@example([], {"c"})
def test_whatever_else_a_file_holds(pieces: list[bytes], columns: set[str]) -> None:
    assert_same(b"a,b,c,d,e\n" + b"".join(pieces), columns)


@pytest.mark.parametrize("ending", ['"x"', '"x"y', '"x"\r', '"x""y"', '""'])
def test_a_cell_that_is_passed_over_is_closed_too(ending: str) -> None:
    """Wherever its quote stands in the 64 bytes that are looked at together."""
    for length in range(64):
        assert_same(f"a,b,c,d,e\n{'1' * length},,,,{ending}\n1,2,3,4,5\n".encode(), {"a"})


@pytest.mark.parametrize("length", range(1, 60, 7))
def test_a_truncated_stream_is_refused(length: int) -> None:
    packed = gzip.compress(PLAIN + b"12,345,,,6789\n" * 2000)
    assert ours(packed[:-length], {"b"}) == "broken"


def test_a_wrong_checksum_is_refused() -> None:
    packed = bytearray(gzip.compress(PLAIN * 100))
    packed[-5] ^= 1
    assert ours(bytes(packed), {"b"}) == "broken"


def test_all_members_of_a_gzip_file_are_read() -> None:
    frame = ours(gzip.compress(PLAIN) + gzip.compress(b"6,,8,,\n"), {"c", "e"})
    assert isinstance(frame, pl.DataFrame)
    assert frame.rows() == [("3", "5"), ("8", None)]


def test_a_part_of_the_rows_and_columns() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(PLAIN + b"6,7,8,9,0\n" * 100)
        frame = scan_columns(path, header=NAMES, columns=["a", "b", "c"], where="file")
        assert frame.select("b").head(2).collect().rows() == [(None,), ("7",)]
        assert frame.filter(pl.col("a") == "1").select("c").collect().rows() == [("3",)]

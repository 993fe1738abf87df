"""The reader and polars' own read the same text from CSV that both read by definition.

Both do of rows with exactly the header's number of fields, quoted as a whole or not at all, ended by LF or CRLF.
They differ by design, so the texts made here hold none of it, or the comparison says so:
- a quoted blank cell is null here and an empty text there (`quoted_blanks`);
- a row that is too short is refused here and filled with nulls there;
- a line without a cell is no row here; there it is one of nulls;
- a carriage return alone ends a row here, as in Python's csv; there it is text;
- a quote inside a cell that is not quoted is text here; there it is refused or opens one;
- a file of zero bytes has no rows here (its header was refused before); there it is an error.
"""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops.csv_scan import reader, scan_columns, scanner

texts = st.text('ab1,"\né本😀', max_size=20) | st.sampled_from(
    ["", "twelve bytes", "thirteen byte", 'x"', '""', ",", "\r\n", "日本語の長い文字列", "l" * 150]
)
cells = st.tuples(texts, st.booleans())  # and whether it is quoted, needed or not
widths = st.integers(2, 8) | st.sampled_from([64, 65, 200])


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, list[dict[int, tuple[str, bool]]]]:
    """A width and rows, each the cells of some columns; the others are blank."""
    width = draw(widths)
    rows = st.dictionaries(st.integers(0, width - 1), cells, max_size=6)
    return width, draw(st.lists(rows, max_size=25))


def csv_of(header: list[str], rows: list[dict[int, tuple[str, bool]]], ending: str) -> bytes:
    def field(text: str, quoted: bool) -> str:
        return '"' + text.replace('"', '""') + '"' if quoted or set(text) & set(',"\r\n') else text

    records = [header, *([field(*row.get(at, ("", False))) for at in range(len(header))] for row in rows)]
    return "".join(",".join(record) + ending for record in records).encode()


def by_polars(text: bytes) -> pl.DataFrame:
    frame = pl.read_csv(io.BytesIO(text), infer_schema=False)
    quoted_blanks = pl.when(pl.all() != "").then(pl.all())
    return frame.with_columns(quoted_blanks)


@settings(max_examples=100, deadline=None)
@given(tables(), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans(), st.data())
@example((200, []), "\n", False, False, None)
def test_the_same_text(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[int, list[dict[int, tuple[str, bool]]]],
    ending: str,
    ends: bool,
    zipped: bool,
    data: st.DataObject | None,
) -> None:
    width, rows = table
    header = [f"c{at}" for at in range(width)]
    columns = data.draw(st.lists(st.sampled_from([*header, "absent"]), max_size=9)) if data else header
    text = csv_of(header, rows, ending)
    text = text if ends else text.removesuffix(ending.encode())
    path = tmp_path_factory.getbasetemp() / "differential.csv"
    path.write_bytes(gzip.compress(text, 1) if zipped else text)
    not_plain = patch.object(reader, "frames_of_records", side_effect=AssertionError("all of it is plain"))
    with not_plain, patch.object(scanner, "_TEXT", 2048):  # room for the longest row
        ours = scan_columns(path, header=header, columns=columns, where="file").collect()
    assert ours.equals(by_polars(text).select(name for name in header if name in columns))


@pytest.mark.parametrize(
    ("body", "ours", "theirs"),
    [
        (b'"",b\n', [(None, "b")], [("", "b")]),
        (b"1,2\n\n3,4\n", [("1", "2"), ("3", "4")], [("1", "2"), (None, None), ("3", "4")]),
        (b"1\n", None, [("1", None)]),
        (b"1,2,3\n", None, None),
        (b"\xff,2\n", None, None),
        (b"1,2\r3,4\n", [("1", "2"), ("3", "4")], None),
        (b'5" disk,2\n', [('5" disk', "2")], None),
    ],
)
def test_where_they_differ_or_both_refuse(
    tmp_path: Path, body: bytes, ours: list[tuple[str | None, ...]] | None, theirs: object
) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"a,b\n" + body)

    def read() -> list[tuple[str | None, ...]] | None:
        try:
            return scan_columns(path, header=["a", "b"], columns=["a", "b"], where="file").collect().rows()
        except PermanentFailure:
            return None

    def read_by_polars() -> list[tuple[str | None, ...]] | None:
        try:
            return pl.read_csv(path, infer_schema=False).rows()
        except pl.exceptions.ComputeError:
            return None

    assert (read(), read_by_polars()) == (ours, theirs)


def test_a_file_of_zero_bytes(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.touch()
    assert scan_columns(path, header=["a", "b"], columns=["b"], where="file").collect().rows() == []
    with pytest.raises(pl.exceptions.NoDataError):
        pl.read_csv(path, infer_schema=False)

"""Cursors give back what they were made of, and nothing else is one."""

from __future__ import annotations

import base64
import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.cursors import Value, cut, decode, encode
from batch_platform.core.failures import InvalidInput

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=9))])
VALUES = (
    st.integers(-(2**63), 2**63) | st.booleans() | st.text(max_size=30) | st.dates() | st.datetimes(timezones=ZONES)
)
PLACES = st.dictionaries(st.text(min_size=1, max_size=20), VALUES, max_size=4)


def types(place: dict[str, Value]) -> dict[str, type]:
    return {name: type(value) for name, value in place.items()}


@given(PLACES)
def test_a_cursor_gives_back_what_it_was_made_of(place: dict[str, Value]) -> None:
    cursor = encode(place)
    assert decode(cursor, **types(place)) == place
    assert re.fullmatch(r"[\w-]*", cursor, re.ASCII)


@given(PLACES, st.data())
def test_no_altered_cursor_is_taken(place: dict[str, Value], data: st.DataObject) -> None:
    cursor = encode(place)
    at = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(st.characters())
    altered = data.draw(st.sampled_from([cursor[:at] + letter + cursor[at + 1 :], cursor[:at], cursor + letter]))
    if altered != cursor:
        with pytest.raises(InvalidInput, match="is not one of this list") as failure:
            decode(altered, **types(place))
        assert failure.value.field == "cursor"


@given(st.text())
def test_no_text_breaks_the_cursor(text: str) -> None:
    for fields in ({}, {"id": int}, {"at": datetime, "id": str}):
        with pytest.raises(InvalidInput):
            decode(text, **fields)


@pytest.mark.parametrize("place", [{"id": "1"}, {"id": True}, {}, {"id": 1, "more": 2}, {"at": 1}])
def test_a_cursor_of_another_list_is_refused(place: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        decode(encode(place), id=int)


@pytest.mark.parametrize(
    ("text", "kind"), [("x", date), ("2026-13-01", date), ("2026-10-01T00:00:00+00:00", date), ("x", datetime)]
)
def test_what_is_no_date_is_refused(text: str, kind: type) -> None:
    with pytest.raises(InvalidInput):
        decode(encode({"at": text}), at=kind)


def test_a_cursor_without_its_check_is_refused() -> None:
    with pytest.raises(InvalidInput):
        decode(base64.urlsafe_b64encode(b'{"id":1}').decode(), id=int)


def test_the_first_page_has_no_place() -> None:
    assert decode(None, id=int) == {}


@given(st.lists(st.integers()), st.integers(1, 10))
def test_pages_walk_a_list_to_its_end(rows: list[int], limit: int) -> None:
    walked: list[int] = []
    cursor = None
    while True:
        begin = decode(cursor, row=int).get("row", -1) + 1
        numbered = list(enumerate(rows))[begin : begin + limit + 1]
        page, cursor = cut(numbered, limit, lambda row: {"row": row[0]})
        assert len(page) <= limit
        walked += [value for _, value in page]
        if cursor is None:
            break
    assert walked == rows

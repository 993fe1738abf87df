"""Strict input: dates, switches, numbers; nothing is coerced."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from batch_platform.web.api.media import acceptable
from batch_platform.web.api.strict import IsoDate, Month, QueryBool, QueryInt, StrictBool, StrictModel, Text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
DATES = TypeAdapter[Any](IsoDate)


class Input(StrictModel):
    target_date: IsoDate | None = None
    dry_run: StrictBool = False


@given(st.dates(date(1000, 1, 1), date(2999, 12, 31)))
def test_every_date_of_the_calendar_is_read(day: date) -> None:
    assert DATES.validate_python(day.isoformat()) == day
    assert Input.model_validate({"targetDate": day.isoformat()}).target_date == day


@given(JSON)
def test_nothing_else_is_a_date(value: Any) -> None:
    try:
        found = DATES.validate_python(value)
    except ValidationError:
        return
    assert isinstance(value, str)
    assert found.isoformat() == value


@pytest.mark.parametrize(
    "wrong",
    [0, 0.0, True, 20261001, "0", "", "2026-1-1", "2026-02-30", "2026-10-01T00:00:00", " 2026-10-01", "2026-10-01\n",
     "２０２６-10-01", "0001-01-01", "9999-12-31", "20261001", "2026-W40-1"],
)  # fmt: skip
def test_what_pydantic_alone_would_take_for_a_date(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        Input.model_validate({"targetDate": wrong})


@pytest.mark.parametrize("wrong", ["off", "true", 0, 1, "1", None, []])
def test_a_switch_is_true_or_false(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        Input.model_validate({"dryRun": wrong})


def test_fields_are_known_by_both_names_and_no_other() -> None:
    assert Input.model_validate({"dryRun": True}) == Input(dry_run=True)
    assert Input(dry_run=True).model_dump(by_alias=True) == {"targetDate": None, "dryRun": True}
    with pytest.raises(ValidationError):
        Input.model_validate({"dryrun": True})


@given(st.text(max_size=12))
def test_numbers_of_a_query_are_digits(text: str) -> None:
    try:
        found = TypeAdapter[Any](QueryInt).validate_python(text)
    except ValidationError:
        assert not re.fullmatch(r"0|[1-9][0-9]{0,8}", text)
    else:
        assert str(found) == text


@pytest.mark.parametrize("wrong", ["1", "on", "True", "", "yes"])
def test_switches_of_a_query(wrong: str) -> None:
    adapter = TypeAdapter[Any](QueryBool)
    assert [adapter.validate_python(text) for text in ("true", "false")] == [True, False]
    with pytest.raises(ValidationError):
        adapter.validate_python(wrong)


@pytest.mark.parametrize("wrong", ["2026-13", "2026-00", "2026-1", "2026-10-01", "0000-01", 202610])
def test_months(wrong: Any) -> None:
    assert TypeAdapter[Any](Month).validate_python("2026-10", strict=True) == "2026-10"
    with pytest.raises(ValidationError):
        TypeAdapter[Any](Month).validate_python(wrong, strict=True)


@pytest.mark.parametrize("wrong", ["a\x00", "\ud800", "\x1b[31m", "a" * 1_001])
def test_text_that_the_database_cannot_hold(wrong: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[Any](Text).validate_python(wrong, strict=True)


@pytest.mark.parametrize(
    ("accept", "fine"),
    [
        ("", True),
        ("*/*", True),
        ("text/html, application/xml;q=0.9, */*;q=0.8", True),
        ("application/*", True),
        ("TEXT/CSV", True),
        ("text/html", False),
        ("image/png, text/html", False),
        ("application/json;q=0", False),
        ("application/json; q=0.0, text/html", False),
        ("nonsense", False),
    ],
)
def test_what_the_api_can_answer_with(accept: str, fine: bool) -> None:
    assert acceptable(accept) is fine

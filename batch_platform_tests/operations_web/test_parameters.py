"""A job's parameters as forms and command lines write them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from batch_platform.operations.parameters import inputs, read, validated, written
from batch_platform_tests.operations_web.rig import COUNT, CountParameters


def test_a_form_shows_each_parameter_as_what_it_is() -> None:
    shown = {field.name: field for field in inputs(CountParameters)}
    assert {name: field.type for name, field in shown.items()} == {
        "targetDate": "date",
        "mode": "text",
        "rows": "number",
        "month": "month",
        "thorough": "checkbox",
        "projectId": "text",
    }
    assert shown["mode"].options == (("", "–"), ("work", "work"), ("fail", "fail"), ("wait", "wait"))
    assert (shown["rows"].label, shown["rows"].hint, shown["rows"].default) == ("Rows", "How many to count.", "2")
    assert shown["projectId"].label == "Project id"
    assert not any(field.required for field in shown.values())


def test_texts_become_values_and_blanks_are_left_out() -> None:
    texts = {
        "targetDate": " 2026-10-01 ",
        "rows": "7",
        "thorough": "true",
        "mode": "fail",
        "month": "",
        "projectId": "p",
    }
    values = read(CountParameters, texts)
    assert values == {"targetDate": "2026-10-01", "rows": 7, "thorough": True, "mode": "fail", "projectId": "p"}
    assert validated(COUNT, values).target_date is not None


@pytest.mark.parametrize(
    ("texts", "field"),
    [
        ({"rows": "7.0"}, "rows"),
        ({"rows": "007"}, "rows"),
        ({"rows": "many"}, "rows"),
        ({"thorough": "on"}, "thorough"),
        ({"targetDate": "1/10/2026"}, "targetDate"),
        ({"unknown": "x"}, "unknown"),
    ],
)
def test_what_does_not_fit_stays_for_the_model_to_refuse(texts: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        validated(COUNT, read(CountParameters, texts))
    assert [error["loc"] for error in caught.value.errors()] == [(field,)]


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "targetDate": st.dates(min_value=date(2000, 1, 1), max_value=date(2999, 12, 31)).map(str),
            "mode": st.sampled_from(["work", "fail", "wait"]),
            "rows": st.integers(1, 1000),
            "thorough": st.booleans(),
            "month": st.sampled_from(["2026-01", "2026-12"]),
        },
    )
)
def test_what_is_written_is_read_again(values: dict[str, object]) -> None:
    texts = {name: written(value) for name, value in values.items()}
    assert read(CountParameters, texts) == values

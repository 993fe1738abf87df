"""JSON whose numbers keep their digits: what is written is what a reader of decimals reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from batch_platform.web.api.exact import written

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**18), max_value=10**18)
PLAIN = st.none() | st.booleans() | st.integers() | st.text() | DECIMALS
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


class Colour(StrEnum):
    RED = "red"


@given(JSON)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert json.loads(written(value), parse_float=Decimal) == value


def test_a_decimal_keeps_its_digits() -> None:
    told = {"a": Decimal("999999999.12345677"), "b": Decimal("1E-8"), "c": Decimal("1E+3"), "d": [Decimal(5), 5]}
    assert written(told) == '{"a":999999999.12345677,"b":0.00000001,"c":1000,"d":[5,5]}'


def test_values_of_models_are_written_as_elsewhere() -> None:
    at = datetime(2026, 11, 20, 3, 0, 0, 1000, tzinfo=UTC)
    assert written({"at": at, "colour": Colour.RED, "no": None, "yes": True}) == (
        '{"at":"2026-11-20T03:00:00.001000Z","colour":"red","no":null,"yes":true}'
    )

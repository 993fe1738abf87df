"""What pydantic finds wrong: its own English as it stands, the reader's language on pages."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core._pydantic_core import list_all_errors

from batch_platform.core.clock import parse_day
from batch_platform.core.validation import TEXTS, message_of
from batch_platform.web import i18n
from batch_platform.web.api.strict import IsoDate
from batch_platform.web.console import field_errors


class Colour(Enum):
    RED = "red"


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    needed: int


class Body(bytes):
    """JSON as it comes in."""


WRONG: list[tuple[str, Any, Any]] = [
    ("bool_parsing", bool, "x"),
    ("bool_type", bool, []),
    ("date_from_datetime_parsing", date, "x"),
    ("date_type", date, []),
    ("date_parsing", Annotated[date, Field(strict=True)], Body(b'"x"')),
    ("datetime_parsing", Annotated[datetime, Field(strict=True)], Body(b'"x"')),
    ("datetime_type", datetime, []),
    ("decimal_max_digits", Annotated[Decimal, Field(max_digits=3)], "1234"),
    ("decimal_max_places", Annotated[Decimal, Field(decimal_places=1)], "1.23"),
    ("decimal_parsing", Decimal, "x"),
    ("decimal_type", Decimal, []),
    ("decimal_whole_digits", Annotated[Decimal, Field(max_digits=3, decimal_places=2)], "12.3"),
    ("dict_type", dict[str, str], []),
    ("enum", Colour, "x"),
    ("extra_forbidden", Nothing, {"needed": 1, "more": 1}),
    ("finite_number", Annotated[float, Field(allow_inf_nan=False)], "inf"),
    ("float_parsing", float, "x"),
    ("float_type", float, []),
    ("greater_than", Annotated[Decimal, Field(gt=Decimal("1.50"))], "1"),
    ("greater_than", Annotated[float, Field(gt=1)], "1"),
    ("greater_than_equal", Annotated[int, Field(ge=1)], 0),
    ("int_from_float", int, 1.5),
    ("int_parsing", int, "x"),
    ("int_type", int, []),
    ("less_than", Annotated[int, Field(lt=1)], 1),
    ("less_than_equal", Annotated[int, Field(le=1)], 2),
    ("list_type", list[str], 1),
    ("literal_error", Literal["a", "b"], "x"),
    ("missing", Nothing, {}),
    ("model_type", Nothing, 1),
    ("string_pattern_mismatch", Annotated[str, Field(pattern="^a$")], "b"),
    ("string_too_long", Annotated[str, Field(max_length=1)], "ab"),
    ("string_too_long", Annotated[str, Field(max_length=2)], "abc"),
    ("string_too_short", Annotated[str, Field(min_length=1)], ""),
    ("string_type", str, 1),
    ("string_unicode", str, b"\xff"),
    ("too_long", Annotated[list[int], Field(max_length=1)], [1, 2]),
    ("too_short", Annotated[list[int], Field(min_length=2)], [1]),
]


def test_the_texts_are_pydantics_own() -> None:
    templates = {one["type"]: one["message_template_python"] for one in list_all_errors()}
    assert TEXTS.items() <= templates.items()


@pytest.mark.parametrize(("type_", "annotation", "value"), WRONG)
def test_the_english_is_pydantics_and_the_japanese_ours(type_: str, annotation: Any, value: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    validate = adapter.validate_json if isinstance(value, Body) else adapter.validate_python
    with pytest.raises(ValidationError) as caught:
        validate(value)
    [error] = caught.value.errors()
    assert error["type"] == type_
    assert message_of(error) == error["msg"]
    with i18n.speaking(i18n.load(["batch_platform.web"])["ja"]):
        assert i18n.translated(message_of(error)) != error["msg"]


def test_a_validators_own_message_is_said_too() -> None:
    class Form(BaseModel):
        day: IsoDate

    with pytest.raises(ValidationError) as caught:
        Form(day="tomorrow")  # type: ignore[arg-type]
    assert field_errors(caught.value) == {"day": "a date is written YYYY-MM-DD"}
    with i18n.speaking(i18n.load(["batch_platform.web"])["ja"]):
        assert field_errors(caught.value) == {"day": "日付は YYYY-MM-DD 形式で指定してください。"}
    with pytest.raises(ValueError, match="a day is written"):
        parse_day("tomorrow")

"""Input as it is written: unknown fields are refused and nothing is coerced.

Pydantic alone takes 0 for 1970-01-01 and "off" for false, and its strict mode refuses every date in JSON.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Final, get_args, get_origin

import pydantic
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

from batch_platform.core.clock import parse_moment
from batch_platform.core.messages import Message

# Years that calendars of a business hold: what lies outside is a typing mistake and overflows time zones.
_DATE: Final = r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"
_MONTH: Final = r"^[12][0-9]{3}-(0[1-9]|1[0-2])$"
WRITABLE: Final = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

StrictBool = pydantic.StrictBool


class StrictModel(BaseModel):
    """A frozen value in camelCase on the wire, with exactly its fields, each of exactly its type."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
    )


class SnakeModel(StrictModel):
    """One whose fields are called on the wire as they are here, as a specification has it."""

    model_config = ConfigDict(alias_generator=None)


def schema_name(kind: Any) -> str:
    """What the API's document calls a type within a generic one: `RunAnswer`, `JobAnswerList`, `CostsOrRows`."""
    members = [schema_name(member) for member in get_args(kind)]
    if get_origin(kind) is list:
        return f"{members[0]}List"
    return "Or".join(members) or getattr(kind, "__name__", str(kind))


def _date(value: Any) -> Any:
    if type(value) is date:
        return value
    if not isinstance(value, str) or not re.fullmatch(_DATE, value):
        raise ValueError(Message("date-format", "a date is written YYYY-MM-DD"))
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(Message("date-not-in-calendar", "{date} is not in the calendar", date=value)) from None


def _moment(value: Any) -> Any:
    return parse_moment(value) if isinstance(value, str) else value


def _digits(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"0|[1-9][0-9]{0,8}", value):
        return int(value)
    if type(value) is int:
        return value
    raise ValueError(Message("number-in-digits", "a number is written in digits"))


def _switch(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError(Message("true-or-false", "true or false"))


IsoDate = Annotated[
    date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date", "pattern": _DATE})
]
"""YYYY-MM-DD, in a body or a query."""

IsoMoment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
"""YYYY-MM-DDTHH:MM with seconds or an offset where it has them; without one it is Japan's."""

Month = Annotated[str, Field(pattern=_MONTH, examples=["2026-10"])]
"""YYYY-MM."""

Text = Annotated[str, Field(max_length=1_000, pattern=WRITABLE)]
"""Text of at most 1,000 characters without control characters, so that the database can hold it."""

QueryInt = Annotated[int, BeforeValidator(_digits)]
"""A whole number from 0 on, in digits, of a query; bounds are the field's."""

QueryBool = Annotated[bool, BeforeValidator(_switch)]
"""`true` or `false` of a query."""

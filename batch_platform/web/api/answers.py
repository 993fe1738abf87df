"""Answers, made of the values and rows that they tell of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, ConfigDict, model_validator

from batch_platform.web.api.strict import StrictModel

_ABSENT: Final = object()


def digits(value: object) -> object:
    """Every digit of a Decimal; anything else as it is."""
    return f"{value:f}" if isinstance(value, Decimal) else value


def month_text(value: object) -> object:
    """YYYY-MM of a day; anything else as it is."""
    return f"{value:%Y-%m}" if isinstance(value, date) else value


Digits = Annotated[str, BeforeValidator(digits)]
"""A number in plain digits, never a float."""

MonthName = Annotated[str, BeforeValidator(month_text)]
"""YYYY-MM."""

Sentence = Annotated[str, BeforeValidator(lambda message: None if message is None else str(message))]
"""A message, or what else has a text of its own."""


@dataclass(frozen=True)
class From:
    """Where an answer's field comes from: its name in the source, names joined by dots, or a function of the source.

    `rows: Annotated[int, From("row_count")]`
    """

    place: str | Callable[[Any], Any]


class Answer(StrictModel):
    """What is told of a value with these attributes, or of a row with these columns; so are the answers within it.

    What the source does not have is given beside it, or has a default; what it has beyond is left out.
    """

    @classmethod
    def of(cls, source: Any, /, **others: Any) -> Self:
        """The answer about `source`, but for the `others`; a tuple is a list to it, a text a member of an enum."""
        return cls.model_validate(_Fields(_fields(cls, source, others) | others), strict=False)

    @model_validator(mode="before")
    @classmethod
    def _of_source(cls, source: Any) -> Any:
        return source if isinstance(source, (cls, _Fields)) else _fields(cls, source)


class SnakeAnswer(Answer):
    """An answer whose fields are called on the wire as they are here, as a specification has it."""

    model_config = ConfigDict(alias_generator=None)


def written(answer: StrictModel) -> dict[str, Any]:
    """As JSON of the API, in Python's values: for `--json`."""
    return answer.model_dump(mode="json", by_alias=True)


class _Fields(dict[str, Any]):
    """By their own names already."""


def _fields(model: type[Answer], source: Any, left_out: Collection[str] = ()) -> dict[str, Any]:
    values = {}
    for name, place in _places(model):
        if name in left_out:
            continue
        value = _at(source, place) if isinstance(place, str) else place(source)
        if value is _ABSENT:
            value = _at(source, name)
        if value is not _ABSENT:
            values[name] = value
    return values


@cache
def _places(model: type[Answer]) -> list[tuple[str, str | Callable[[Any], Any]]]:
    return [
        (name, next((part.place for part in field.metadata if isinstance(part, From)), name))
        for name, field in model.model_fields.items()
    ]


def _at(source: Any, place: str) -> Any:
    for name in place.split("."):
        source = source.get(name, _ABSENT) if isinstance(source, Mapping) else getattr(source, name, _ABSENT)
    return source

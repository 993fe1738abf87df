"""JSON Lines as people and programs write them: one object a line, told by its number where it is not one."""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from batch_platform.core.clock import parse_day
from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message
from batch_platform.core.numbers import parse_decimal
from batch_platform.core.validation import refusal_of

JsonObject = dict[str, Any]


class Strict(BaseModel):
    """What a line holds: fields of exactly these names and types."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


S = TypeVar("S", bound=Strict)


_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def storable(value: object) -> object:
    """A validator: the value, in which no text is one that a database does not hold. Raises `ValueError`."""
    if isinstance(value, str) and _UNSTORABLE.search(value):
        raise ValueError(Message("text-unstorable", "must not hold a NUL or half a character"))
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        storable(part)
    return value


Text = Annotated[str, BeforeValidator(storable)]
"""Any text that a database holds."""
Name = Annotated[str, Field(min_length=1, max_length=500), BeforeValidator(storable)]
"""By which something is looked up: short enough for an index."""


def _day(value: object) -> date:
    if type(value) is date:  # of a row; JSON has none
        return value
    try:
        return parse_day(value if isinstance(value, str) else "")
    except ValueError:  # of a day that is in no month, too
        raise ValueError(Message("day-format", "a day is written YYYY-MM-DD")) from None


Day = Annotated[date, BeforeValidator(_day)]
"""A day written YYYY-MM-DD, of the years 1000 to 2999; a date of a row as it stands."""


def read_lines(file: str) -> list[bytes]:
    """The lines of a file, or of standard input by the name `-`. Raises `InvalidInput` where it cannot be read."""
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise InvalidInput(
            "file-unreadable", "the file cannot be read: {reason}", reason=str(error.strerror), field="file"
        ) from None
    return content.removeprefix(codecs.BOM_UTF8).split(b"\n")


def read_strictly(text: str) -> Any:
    """JSON that names no field twice and knows no NaN. Raises `ValueError`."""
    return _DECODER.decode(text)


def read_decimals(text: str) -> Any:
    """The same, where numbers with a point are exact `Decimal`s. Raises `ValueError`, also for an exponent."""
    return _DECIMALS.decode(text)


def objects(
    lines: Iterable[bytes], *, read: Callable[[str], Any] = read_strictly
) -> Iterator[tuple[int, JsonObject]]:
    """The number of each line, from 1, and its object; empty lines are passed over.

    Raises `InvalidInput` for the first line that is no object in UTF-8.
    """
    for number, line in enumerate(lines, 1):
        if not (bare := line.strip()):
            continue
        try:
            value = read(bare.decode())
        except (ValueError, ArithmeticError, RecursionError) as error:
            own = next((reason for reason in error.args if isinstance(reason, Message)), None)
            raise bad_line(number, own or Message("line-no-json", "no JSON in UTF-8")) from None
        if not isinstance(value, dict):
            raise bad_line(number, Message("line-no-object", "no JSON object"))
        yield number, value


def checked(model: type[S], number: int, value: JsonObject) -> S:
    """The object of a line by its model. Raises `InvalidInput` naming the line and the field."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        refusal = refusal_of(error)
        raise InvalidInput(
            "bad-line", "line {line}: {reason}", line=number, reason=refusal.message, field=refusal.field
        ) from None


def bad_line(number: int, reason: Message, *, field: str | None = None) -> InvalidInput:
    """The refusal of a line for this reason, or of a field of it."""
    if field is not None:
        reason = Message("invalid-input", "{field}: {reason}", field=field, reason=reason)
    return InvalidInput("bad-line", "line {line}: {reason}", line=number, reason=reason, field=field)


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError(Message("field-twice", "a field is there twice"))
    if not all(map(str.isprintable, members)):  # a failure that names one stays one line
        raise ValueError(Message("field-unprintable", "a name holds characters that cannot be printed"))
    return members


def _no_literal(literal: str) -> NoReturn:
    raise ValueError(literal)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_literal)
_DECIMALS: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_literal, parse_float=parse_decimal)

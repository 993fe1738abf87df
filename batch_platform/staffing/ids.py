"""Ids of the SaaS, JSON integers or texts, as the one text that tables hold: what comes in goes out as it was.

A text stands as it is, an integer as its digits; a text that reads like an integer, or begins with a quote, is quoted
as JSON. `staffing.id_number` and `staffing.id_text` of the database read them for sorting.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from batch_platform.core.json_lines import storable
from batch_platform.core.messages import Message

Id = int | str

_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]*")
_QUOTE: Final = '"'


def encode(value: object) -> str:
    """As tables hold it. Raises `ValueError` for what is neither an integer nor a text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(Message("id-type", "must be a whole number or a text"))
    return json.dumps(value, ensure_ascii=False) if _INTEGER.fullmatch(value) or value.startswith(_QUOTE) else value


def decode(text: str) -> Id:
    """As it was given."""
    if _INTEGER.fullmatch(text):
        return int(text)
    return str(json.loads(text)) if text.startswith(_QUOTE) else text


def shown(text: str) -> str:
    """As people read it."""
    return str(decode(text))


def order(text: str) -> tuple[bool, int, str]:
    """Sorts numbers before texts, as the database does by `id_number NULLS LAST, id_text`."""
    value = decode(text)
    return (False, value, "") if isinstance(value, int) else (True, 0, value)


IdText = Annotated[str, Field(min_length=1, max_length=500), BeforeValidator(encode), BeforeValidator(storable)]
"""A field of a line that is an id, encoded."""

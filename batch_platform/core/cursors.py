"""Cursors of lists: the place of a page's last row as one opaque text, handed back to read what follows it.

A list asks its store for one row more than a page has (`cut`). A cursor is not secret, only nobody's business: its
check refuses one that was altered or made up, its names and types one of another list.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, TypeVar

from batch_platform.core.failures import InvalidInput

Value = str | int | date | datetime
"""What a cursor can hold; moments are aware."""
Row = TypeVar("Row")

_CHECK_BYTES: Final = 6
_WRITTEN: Final[Mapping[type, Callable[[str], Value]]] = {date: date.fromisoformat, datetime: datetime.fromisoformat}


def cut(rows: Sequence[Row], limit: int, place: Callable[[Row], Mapping[str, Value]]) -> tuple[list[Row], str | None]:
    """The page, and the cursor of the next one if there is one; `rows` were asked for with one more than `limit`."""
    page = list(rows[:limit])
    return page, encode(place(page[-1])) if len(rows) > limit else None


def encode(place: Mapping[str, Value]) -> str:
    """The cursor of a place."""
    plain = {name: value.isoformat() if isinstance(value, date) else value for name, value in place.items()}
    text = json.dumps(plain, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_check(text) + text).decode().rstrip("=")


def decode(cursor: str | None, /, **fields: type) -> dict[str, Any]:
    """The place a cursor names, of exactly these names and types; nothing without a cursor.

    Raises `InvalidInput` for one that was not given out, or by another list.
    """
    if cursor is None:
        return {}
    try:
        raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), b"-_", validate=True)
        place = json.loads(raw[_CHECK_BYTES:])
    except (UnicodeError, binascii.Error, ValueError, RecursionError):
        raise foreign() from None
    # encoded again: base64 has several spellings of the same bytes
    if not isinstance(place, dict) or encode(place) != cursor:
        raise foreign()
    written = {name: str if kind in _WRITTEN else kind for name, kind in fields.items()}
    if {name: type(value) for name, value in place.items()} != written:
        raise foreign()
    try:
        return {
            name: _WRITTEN[kind](place[name]) if kind in _WRITTEN else place[name] for name, kind in fields.items()
        }
    except ValueError:
        raise foreign() from None


def foreign() -> InvalidInput:
    """For a place that a list has never had."""
    return InvalidInput(
        "foreign-cursor", "the cursor is not one of this list: leave it out to start again", field="cursor"
    )


def _check(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()[:_CHECK_BYTES]

"""Pages of a list: one row more than asked for says whether another follows; its place is an opaque cursor.

Assets and the command line read lists too: the web's own cursors would bring the web's imports with them.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from batch_platform.core.failures import InvalidInput

Row = TypeVar("Row")


def cut(found: Sequence[Row], limit: int, place: Callable[[Row], Mapping[str, Any]]) -> tuple[list[Row], str | None]:
    """The page, and the cursor of the next: `found` was asked for with one row more than `limit`."""
    page = list(found[:limit])
    return page, written(place(page[-1])) if len(found) > limit else None


def written(place: Mapping[str, Any]) -> str:
    text = json.dumps(dict(place), default=_plain, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(cursor: str | None) -> dict[str, Any]:
    """What a cursor names; nothing for none. Raises `InvalidInput` for one that was not given out."""
    if cursor is None:
        return {}
    try:
        place = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        place = None
    if not isinstance(place, dict):
        raise InvalidInput("this cursor was not given out here", field="cursor")
    return place


def text(cursor: str | None, name: str) -> str | None:
    """One text of a cursor."""
    place = read(cursor)
    if place and not isinstance(place.get(name), str):
        raise InvalidInput("this cursor was not given out here", field="cursor")
    return place.get(name)


def moment(cursor: str | None) -> tuple[datetime, str] | None:
    """The time and id a page ended with."""
    at, last = text(cursor, "at"), text(cursor, "id")
    if at is None or last is None:
        return None
    try:
        return datetime.fromisoformat(at), last
    except ValueError:
        raise InvalidInput("this cursor was not given out here", field="cursor") from None


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a cursor cannot hold {type(value).__name__}")


def number(cursor: str | None, name: str) -> int | None:
    """One number of a cursor."""
    place = read(cursor)
    if place and not isinstance(place.get(name), int):
        raise InvalidInput("this cursor was not given out here", field="cursor")
    return place.get(name)

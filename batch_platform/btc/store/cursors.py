"""Cursors of lists: where the next page begins, for nobody but the store to read."""

from __future__ import annotations

import base64
import binascii
import json

from batch_platform.core.failures import InvalidInput


def pack(*parts: str) -> str:
    text = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def unpack(cursor: str, count: int) -> list[str]:
    """The parts of a cursor. Raises `InvalidInput` for what no list has given."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError) as error:
        raise foreign() from error
    if not (isinstance(parts, list) and len(parts) == count and all(isinstance(one, str) for one in parts)):
        raise foreign()
    return parts


def foreign() -> InvalidInput:
    return InvalidInput("this cursor was not given by this list", field="cursor")

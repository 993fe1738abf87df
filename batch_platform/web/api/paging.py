"""Pages of a list: an opaque cursor that stays right while rows come in, and limit/offset where a spec says so."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Query

from batch_platform.core.failures import InvalidInput
from batch_platform.web.api.strict import QueryInt, StrictModel, Text

MAX_LIMIT: Final = 500
MAX_OFFSET: Final = 1_000_000
_MAX_CURSOR: Final = 2_000
_CHECK_BYTES: Final = 6

T = TypeVar("T")


class Page(StrictModel, Generic[T]):
    """`next_cursor` is null on the last page."""

    items: list[T]
    next_cursor: str | None = None


@dataclass(frozen=True)
class PageQuery:
    """The dependency of a route that pages: `page: Annotated[PageQuery, Depends()]`."""

    limit: Annotated[QueryInt, Query(ge=1, le=MAX_LIMIT, description="Rows of a page.")] = 50
    offset: Annotated[QueryInt, Query(ge=0, le=MAX_OFFSET, description="Rows to skip after the cursor.")] = 0
    cursor: Annotated[
        Text | None, Query(description="`nextCursor` of the page before; opaque.", max_length=_MAX_CURSOR)
    ] = None

    def after(self, **fields: type) -> dict[str, Any] | None:
        """The values of the cursor, of exactly these names and types; None on the first page."""
        return None if self.cursor is None else decode(self.cursor, fields)


def encode(values: Mapping[str, str | int]) -> str:
    """A cursor that holds the last row's place. It is not secret, only nobody's business."""
    text = json.dumps(dict(values), separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(_check(text) + text).decode().rstrip("=")


def decode(text: str, fields: Mapping[str, type] | None = None) -> dict[str, Any]:
    """The values of a cursor. Raises `InvalidInput` for one that we did not make, or made for another list."""
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
        values = json.loads(raw[_CHECK_BYTES:])
    except (UnicodeError, binascii.Error, ValueError, RecursionError):
        raise _foreign() from None
    # encoded again: base64 has several spellings of the same bytes
    if not isinstance(values, dict) or encode(values) != text:
        raise _foreign()
    if fields is not None and {name: type(value) for name, value in values.items()} != dict(fields):
        raise _foreign()
    return values


def _check(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()[:_CHECK_BYTES]


def _foreign() -> InvalidInput:
    return InvalidInput(
        "foreign-cursor", "the cursor is not one of this list: leave it out to start again", field="cursor"
    )

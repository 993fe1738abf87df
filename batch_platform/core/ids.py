"""Ids that sort by when they were made: UUIDv7 of RFC 9562, which Python has from 3.14 on."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

Ids = Callable[[datetime], str]
"""A new id for something made at this moment."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


def uuid7(at: datetime, bits: Callable[[int], int] = secrets.randbits) -> str:
    """An id that begins with the moment's milliseconds and goes on at random; `bits` gives so many random bits."""
    milliseconds = (at - _EPOCH) // timedelta(milliseconds=1)
    return str(UUID(int=milliseconds << 80 | _VERSION | bits(12) << 64 | _VARIANT | bits(62)))

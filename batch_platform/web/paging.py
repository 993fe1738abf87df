"""Where a page of a list stands: the parameters of its address, and the pages before and after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query
from pydantic import BeforeValidator

from batch_platform.web.api.strict import QueryInt

Offset = Annotated[QueryInt, Query(ge=0, le=100_000_000)]
"""Rows of the list that stand before the page."""

Cursor = Annotated[str | None, BeforeValidator(lambda text: text or None), Query(max_length=2_000)]
"""Where the page before has ended; None on the first one."""


@dataclass(frozen=True)
class Place:
    """The offsets of the pages before and after, for `m.offset_pager`; `text` tells which rows these are."""

    previous: int | None
    next: int | None
    text: str | None = None


def place(offset: int, rows: int, *, more: bool) -> Place:
    """Of a page of so many `rows` at most, with `more` after it or not."""
    return Place(max(0, offset - rows) if offset else None, offset + rows if more else None)


def place_among(offset: int, rows: int, total: int) -> Place:
    """Of a page of so many `rows` at most, where all are counted."""
    last = min(offset + rows, total)
    around = place(offset, rows, more=last < total)
    text = f"{min(offset + 1, total):,}–{last:,} / {total:,}" if total > rows else None
    return Place(around.previous, around.next, text)

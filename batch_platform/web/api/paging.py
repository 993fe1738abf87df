"""Pages of a list: a cursor that stays right while rows come in, and limit/offset where a spec says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Query

from batch_platform.core import cursors
from batch_platform.web.api.strict import QueryInt, StrictModel, Text, schema_name

MAX_LIMIT: Final = 500
MAX_OFFSET: Final = 1_000_000
_MAX_CURSOR: Final = 2_000

T = TypeVar("T")


class Page(StrictModel, Generic[T]):
    """`next_cursor` is null on the last page."""

    items: list[T]
    next_cursor: str | None = None

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        return f"{schema_name(params[0])}Page"


@dataclass(frozen=True)
class PageQuery:
    """The dependency of a route that pages: `page: Annotated[PageQuery, Depends()]`."""

    limit: Annotated[QueryInt, Query(ge=1, le=MAX_LIMIT, description="Rows of a page.")] = 50
    offset: Annotated[QueryInt, Query(ge=0, le=MAX_OFFSET, description="Rows to skip after the cursor.")] = 0
    cursor: Annotated[
        Text | None, Query(description="`nextCursor` of the page before; opaque.", max_length=_MAX_CURSOR)
    ] = None

    def after(self, **fields: type) -> dict[str, Any]:
        """The place of the cursor, of exactly these names and types; empty on the first page."""
        return cursors.decode(self.cursor, **fields)

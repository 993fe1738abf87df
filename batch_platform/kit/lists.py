"""A list that is declared once: its route, its command with `--json`, and the rows of its page.

`read` is handed the filters and a page's limit and cursor; it answers with rows and the cursor of the next page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, Final, Generic, Literal, TypeVar

from batch_platform.core.failures import InvalidInput
from batch_platform.core.terminal import print_json, print_rows
from batch_platform.kit import signatures
from batch_platform.kit.signatures import parameter
from batch_platform.web.api.answers import Answer
from batch_platform.web.api.answers import written as written
from batch_platform.web.api.strict import StrictModel

if TYPE_CHECKING:
    from fastapi import APIRouter
    from typer import Typer
    from typer.models import ParameterInfo

    from batch_platform.web.access.dependencies import Requirement

C = TypeVar("C")
F = TypeVar("F", bound=StrictModel)
R = TypeVar("R")

PAGE: Final = 50
AT_MOST: Final = 500
SHOWN: Final = 50
"""Rows that a command shows to people who name no limit."""

Columns = Mapping[str, str | Callable[[Any], Any]]
"""What people see of a row, by heading: the name of a field, or a function of the row."""


class NoFilters(StrictModel):
    """Of a list that is never narrowed."""


@dataclass(frozen=True)
class Paging:
    """A page that is asked for. `offset` counts rows after the cursor, where a list takes one."""

    limit: int = PAGE
    cursor: str | None = None
    offset: int = 0


Read = Callable[[C, Any, Paging], tuple[Sequence[R], str | None]]


@dataclass(frozen=True)
class List(Generic[C, F, R]):
    """What is listed, for whoever looks.

    `filters`  what narrows it: parameters of the route by their aliases, options of the command by their names
    `read`     the rows of a page, and the cursor of the next one; all rows where `paging` is None: `paged` and
               `unpaged` make it of a use case that takes the filters by their names
    `row`      the API's model of a row, and of each line of `--json`; `of` makes it, its own where that is left out
    `columns`  what people see of a row
    `empty`    what they are told when there is none
    `to_json`  writes rows whose numbers are exact, as their route does
    `path`     of its route, whose operation has this `name` and `doc`; with `missing` a filter, as what stands in
               braces, may name what does not exist
    `revision` names what a PUT there replaces, as its ETag (`web/api/preconditions.py`)
    """

    filters: type[F]
    read: Callable[[C, F, Paging], tuple[Sequence[R], str | None]]
    row: type[Answer]
    columns: Columns
    empty: str
    of: Callable[[R], Answer] | None = None
    paging: Literal["cursor", "offset"] | None = "cursor"
    to_json: Callable[[Sequence[Any]], str] | None = None
    path: str = ""
    name: str = ""
    doc: str = ""
    missing: bool = False
    revision: Callable[[Sequence[R]], str] | None = None

    def answers(self, rows: Sequence[R]) -> list[Answer]:
        return list(map(self.of or self.row.of, rows))


def paged(use_case: Callable[Concatenate[C, ...], tuple[Sequence[R], str | None]]) -> Read[C, R]:
    """Of a use case that takes the filters by their names, a `limit` and a `cursor`."""
    return lambda context, given, page: use_case(context, **dict(given), limit=page.limit, cursor=page.cursor)


def unpaged(use_case: Callable[Concatenate[C, ...], Sequence[R]]) -> Read[C, R]:
    """Of a use case that takes the filters by their names, and answers with all rows."""
    return lambda context, given, _: (use_case(context, **dict(given)), None)


@dataclass(frozen=True)
class Shown(Generic[F, R]):
    """The rows of a page of the console, narrowed by as much of its address as is understood."""

    filters: F
    rows: Sequence[R]
    cursor: str | None
    following: str | None


def routes(
    router: APIRouter, listings: Iterable[List[Any, Any, Any]], *, context: Any, permission: str | Requirement
) -> None:
    """`GET` at each list's path: the envelope with a page, or with the whole list. `context` is an annotated
    dependency."""
    from batch_platform.web.access.dependencies import requires
    from batch_platform.web.api.envelope import Envelope
    from batch_platform.web.api.paging import Page
    from batch_platform.web.api.problems import documented

    for listing in listings:
        content: Any = list[listing.row] if listing.paging is None else Page[listing.row]  # type: ignore[name-defined]
        router.add_api_route(
            listing.path,
            _endpoint(listing, context),
            methods=["GET"],
            response_model=Envelope[content],
            dependencies=[requires(permission)],
            responses=documented(404) if listing.missing or "{" in listing.path else None,
        )


def _endpoint(listing: List[Any, Any, Any], context: Any) -> Callable[..., Any]:
    from fastapi import Response

    from batch_platform.web.api.envelope import Envelope
    from batch_platform.web.api.paging import Page
    from batch_platform.web.api.preconditions import tell_revision

    def endpoint(**given: Any) -> Any:
        on = given.pop("context")
        paging = Paging(**{part: given.pop(part) for part in ("limit", "cursor", "offset") if part in given})
        response = given.pop("response", None)
        rows, following = listing.read(on, listing.filters.model_construct(**given), paging)
        if listing.revision is not None:
            tell_revision(response, listing.revision(rows))
        items = listing.answers(rows)
        return Envelope(data=items if listing.paging is None else Page(items=items, next_cursor=following))

    parameters = [parameter("context", context), *signatures.of_route(listing.filters, listing.path)]
    if listing.revision is not None:
        parameters.append(parameter("response", Response))
    signatures.signed(endpoint, listing.name, listing.doc, [*parameters, *_paging(listing)])
    return endpoint


def command(
    app: Typer,
    listing: List[C, F, Any],
    name: str,
    *,
    doc: str,
    opened: Callable[[], AbstractContextManager[C]],
    options: Mapping[str, ParameterInfo] | None = None,
    shown: int = SHOWN,
    resumes: bool = False,
) -> None:
    """`name [filters] [--limit N] [--json]`: JSON is the API's rows, all unless limited; people see a table.

    With `resumes` it goes on at a `--cursor`.
    """
    import typer

    from batch_platform.kit.options import Json, whole

    def run(**given: Any) -> None:
        as_json, limit, cursor = given.pop("as_json"), given.pop("limit", None), given.pop("cursor", None)
        filters = signatures.from_texts(listing.filters, given, by_option=True)
        with opened() as context:
            rows, following = taken(context, listing, filters, limit if limit or as_json else shown, cursor)
        show(listing, rows, as_json=as_json)
        if following and resumes and not as_json:
            typer.echo(f"the next ones: --cursor {following}")
        elif following and not (limit or as_json):
            typer.echo("… and more: --limit N shows them, --json all of them")

    parameters = signatures.of_command(listing.filters, options or {})
    if listing.paging is not None:
        limit = typer.Option(parser=whole(1, 10_000), metavar="N", help="Rows at most.")
        parameters.append(parameter("limit", Annotated[int | None, limit], None))
    if resumes:
        cursor = typer.Option("--cursor", help="Where the page before has ended.")
        parameters.append(parameter("cursor", Annotated[str | None, cursor], None))
    signatures.signed(run, name, doc, [*parameters, parameter("as_json", Json, False)])
    app.command(name)(run)


def show(listing: List[Any, Any, R], rows: Sequence[R], *, as_json: bool, empty: str | None = None) -> None:
    """Rows of the list as its command prints them."""
    import typer

    if as_json:
        answers = listing.answers(rows)
        if listing.to_json is None:
            print_json(list(map(written, answers)))
        else:
            typer.echo(listing.to_json(answers))
        return
    table = [{heading: _cell(row, column) for heading, column in listing.columns.items()} for row in rows]
    print_rows(table, empty=empty or listing.empty)


def taken(
    context: C, listing: List[C, F, R], filters: F, limit: int | None, cursor: str | None = None
) -> tuple[list[R], str | None]:
    """The first rows from the cursor on, or all of them; and the cursor of those that are left."""
    rows: list[R] = []
    while True:
        left = AT_MOST if limit is None else min(AT_MOST, limit - len(rows))
        part, cursor = listing.read(context, filters, Paging(left, cursor))
        rows += part
        if cursor is None or len(rows) == limit:
            return rows, cursor


def page(context: C, listing: List[C, F, R], query: Mapping[str, str], *, limit: int, **fixed: Any) -> Shown[F, R]:
    """What a page of the console shows. A filter that it does not understand is as if it were not there."""
    cursor = query.get("cursor") or None
    filters = understood(listing.filters, {**query, **fixed})
    rows, following = listing.read(context, filters, Paging(limit, cursor))
    return Shown(filters, rows, cursor, following)


def understood(model: type[F], query: Mapping[str, Any]) -> F:
    """The filters of an address, without those that do not fit. Raises `InvalidInput` for one that is needed."""
    aliases = {name: field.alias or name for name, field in model.model_fields.items()}
    given = {name: query[alias] for name, alias in aliases.items() if query.get(alias) not in (None, "")}
    while True:
        try:
            return signatures.from_texts(model, given)
        except InvalidInput as error:
            if given.pop(str(error.field), None) is None:  # one that is needed: there is no such list
                raise


def _cell(row: Any, column: str | Callable[[Any], Any]) -> Any:
    if callable(column):
        return column(row)
    return row[column] if isinstance(row, Mapping) else getattr(row, column)


def _paging(listing: List[Any, Any, Any]) -> list[Any]:
    from fastapi import Query

    from batch_platform.web.api.paging import MAX_OFFSET
    from batch_platform.web.api.strict import QueryInt, Text

    if listing.paging is None:
        return []
    limit = Query(ge=1, le=AT_MOST, description="Rows of a page.")
    at_least = 1 if listing.paging == "cursor" else None
    cursor = Query(description="`nextCursor` of the page before; opaque.", min_length=at_least, max_length=2_000)
    parameters = [
        parameter("limit", Annotated[QueryInt, limit], PAGE),
        parameter("cursor", Annotated[Text | None, cursor], None),
    ]
    if listing.paging == "offset":
        offset = Query(ge=0, le=MAX_OFFSET, description="Rows to skip after the cursor.")
        parameters.append(parameter("offset", Annotated[QueryInt, offset], 0))
    return parameters

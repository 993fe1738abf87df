"""Costs as answers of the API: a page of JSON or a file, kept, under an ETag that names costs and question."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Any, BinaryIO, Final, Literal

from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.requests import HTTPConnection

from batch_platform.core import cursors
from batch_platform.core.failures import InvalidInput
from batch_platform.finops import focus, report, service
from batch_platform.finops.model import Stamp
from batch_platform.finops.service import CostQuery, CostRows
from batch_platform.finops.web.context import FinopsState, state_at
from batch_platform.finops.web.cost_schemas import CostRowsAnswer, CostsAnswer
from batch_platform.web.access.prepared import Answer
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.problems import documented
from batch_platform.web.api.strict import StrictModel
from batch_platform.web.headers import Pair, header, pair

PAGE_AT_MOST: Final = 10_000
MEDIA: Final[Mapping[str, str]] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}

_EDITION: Final = 2
"""Part of every ETag: counted up when the same costs and question are written differently."""
_FOCUS_MEASURES: Final = "billed, amortized, list"
_BLOCK: Final = 1 << 20
_PAGE: Final = 1_000
"""Rows of a page of JSON, where nobody says how many and the line items decide how many there are."""

Made = tuple[tuple[Stamp, ...], bytes]
"""An answer's body, and the stamps it was made from."""


@dataclass(frozen=True)
class Part:
    """What part of the rows, written how. `plain`: a month in groups of its summary, whole, without a filter."""

    export: Literal["json", "csv", "parquet"]
    limit: int | None
    cursor: str | None
    plain: bool = False


class Question:
    """A query, of which `part` is answered in which form; the headers of its answers are worked out once a state."""

    def __init__(
        self,
        query: CostQuery,
        part: Hashable,
        *,
        media: str = MEDIA["json"],
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.query = query
        self._media = media
        self._named = query, part
        self._more = more
        self.months = query.months
        self._of: tuple[Stamp, ...] = ()
        self._etag = ""
        self._headers: list[Pair] = []

    def etag(self, stamps: tuple[Stamp, ...]) -> str:
        """That of the answer of these months as they are."""
        if self._of != stamps:
            headers = {**_headers(stamps, self._named), **self._more}
            self._of, self._etag = stamps, headers["ETag"]
            self._headers = [pair(name, value) for name, value in headers.items()]
        return self._etag

    def unchanged(self, stamps: tuple[Stamp, ...]) -> Response:
        return self._with_headers(Response(status_code=304), stamps)

    def answer(self, stamps: tuple[Stamp, ...], content: bytes) -> Response:
        return self._with_headers(Response(content, media_type=self._media), stamps)

    def _with_headers(self, response: Response, stamps: tuple[Stamp, ...]) -> Response:
        self.etag(stamps)
        response.raw_headers.extend(self._headers)
        return response


def ask(query: CostQuery, part: Part) -> Answer:
    """The answer, or 304 when the caller has it. Raises as `service.cost_rows` does."""

    def make(state: FinopsState, stamps: Sequence[Stamp]) -> Made:
        if part.plain:
            return _month(state, query, part, stamps[0])
        first = row_of(part.cursor, stamps, query)
        rows = service.cost_rows(state.context, state.costs, query, first=first, limit=_limit(query, part))
        if first and list(rows.stamps) != list(stamps):
            raise _changed()
        return rows.stamps, _render(rows, part)

    more = {"X-Measure": query.measure}
    if part.export != "json":
        more["Content-Disposition"] = f'attachment; filename="{_file_name(query, part)}"'
    question = Question(query, part, media=MEDIA[part.export], more=more)
    return partial(kept, question, make, heavy=not query.in_summary)


async def kept(
    question: Question,
    make: Callable[[FinopsState, Sequence[Stamp]], Made],
    connection: HTTPConnection,
    *,
    heavy: bool = True,
) -> Response:
    """What `make` gives for the months as they are now, made once and kept; or 304 when the caller has it.

    What is `heavy` works on line items. Raises `NotFound` when none of the months is published.
    """
    state, query = state_at(connection), question.query
    stamps = tuple(await state.costs.stamps_soon(query.project_id, question.months))
    if not stamps:  # for saying what is not found
        stamps = tuple(await asyncio.to_thread(service.published_stamps, state.context, state.costs, query))
    etag = question.etag(stamps)
    if names_etag(header(connection.scope, b"if-none-match") or "", etag):
        return question.unchanged(stamps)
    made = state.costs.kept_page(etag)
    if made is None:
        async with state.heavy if heavy else nullcontext():
            made = await asyncio.to_thread(state.costs.page, etag, lambda: make(state, stamps))
    made_of, content = made
    return question.answer(made_of, content)


async def focus_answer(query: CostQuery, kind: focus.Kind, connection: HTTPConnection) -> Response:
    """The file of FOCUS, or 304 when the caller has it. Raises as `service.focus_file` does."""
    state = state_at(connection)
    query = replace(query, measure="billed", groups=())
    question = ("focus", query, kind)
    more = {"X-Measure": _FOCUS_MEASURES}
    stamps: Sequence[Stamp] = await state.costs.stamps_soon(query.project_id, query.months)
    if stamps and names_etag(connection.headers.get("if-none-match", ""), _etag(stamps, question)):
        return Response(status_code=304, headers=_headers(stamps, question) | more)
    async with state.heavy:
        made = await asyncio.to_thread(service.focus_file, state.context, state.costs, query, kind)
    name = f"{query.project_id}-{query.start}-{query.end}-focus.{kind}"
    more |= {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(made.size)}
    headers = _headers(made.stamps, question) | more
    return StreamingResponse(_read(made.file), media_type=MEDIA[kind], headers=headers)


def body(content: StrictModel) -> bytes:
    return Envelope(data=content).model_dump_json(by_alias=True).encode()


def row_of(cursor: str | None, stamps: Sequence[Stamp], query: CostQuery) -> int:
    """The row that a cursor of this query names; 0 without one. Raises `InvalidInput`."""
    if cursor is None:
        return 0
    place = cursors.decode(cursor, of=str, row=int)
    if place["of"] != _digest(stamps, query):
        raise _changed()
    return int(place["row"])


def cursor_to(row: int | None, stamps: Sequence[Stamp], query: CostQuery) -> str | None:
    """The cursor that names a row of the query's answer, as long as no month of it changes."""
    return None if row is None else cursors.encode({"of": _digest(stamps, query), "row": row})


def answers(model: Any, *, files: bool = False) -> dict[int | str, dict[str, Any]]:
    """The answers as OpenAPI tells them; with `files` the other forms of costs too."""
    texts = {
        "ETag": "names costs and query",
        "X-Month-State": "open, closing, final or restated",
        "X-Manifest-Version": "delivery the costs were computed from",
        **({"X-Measure": "which amounts"} if files else {}),
    }
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in texts.items()}
    forms: dict[str, Any] = {"text/csv": {}, "application/vnd.apache.parquet": {}}
    costs = {"description": "The costs.", "content": forms} if files else {}
    same = {"description": "As the ETag given names them."}
    return {200: {"model": model, "headers": headers, **costs}, 304: same, **documented(404, 409, 503)}


def names_etag(condition: str, etag: str) -> bool:
    """Whether an `If-None-Match` names the ETag (weak comparison, as RFC 9110 has it)."""
    named = [part.strip().removeprefix("W/") for part in condition.split(",")]
    return "*" in named or etag in named


def _month(state: FinopsState, query: CostQuery, part: Part, stamp: Stamp) -> Made:
    stamp, costs = state.costs.costs(stamp)
    reports = report.build(
        costs,
        project_id=stamp.project_id,
        month=f"{stamp.month:%Y-%m}",
        state=stamp.state,
        manifest_version=stamp.version,
        measure=query.measure,
        group_by=[group.text for group in query.groups],
    )
    return (stamp,), body(CostsAnswer.of(reports[0], reports=reports)) if part.export == "json" else _file(
        reports, part
    )


def _render(rows: CostRows, part: Part) -> bytes:
    if part.export == "json":
        return body(CostRowsAnswer.of(rows, next_cursor=cursor_to(rows.next_row, rows.stamps, rows.query)))
    return _file(rows.reports, part)


def _file(reports: Sequence[report.Report], part: Part) -> bytes:
    return report.to_csv(reports).encode() if part.export == "csv" else report.to_parquet(reports)


def _file_name(query: CostQuery, part: Part) -> str:
    days = [f"{query.start:%Y-%m}"] if part.plain else [f"{query.start}", f"{query.end}"]
    name = "-".join((query.project_id, *days, query.measure, *(group.text for group in query.groups)))
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)[:150]}.{part.export}"


def _read(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK):
            yield block


def _limit(query: CostQuery, part: Part) -> int | None:
    return _PAGE if part.limit is None and part.export == "json" and not query.in_summary else part.limit


def _changed() -> InvalidInput:
    return InvalidInput(
        "cursor-outdated",
        "the cursor is of another question, or the costs have changed since: leave it out to start again",
        field="cursor",
    )


def _headers(stamps: Sequence[Stamp], question: object) -> dict[str, str]:
    return {
        "ETag": _etag(stamps, question),
        "Cache-Control": "private, no-cache",
        "X-Month-State": ", ".join(stamp.state for stamp in stamps),
        "X-Manifest-Version": ", ".join(stamp.version for stamp in stamps),
    }


def _etag(stamps: Sequence[Stamp], question: object) -> str:
    return f'"{_digest(stamps, question)}"'


def _digest(stamps: Sequence[Stamp], question: object) -> str:
    return sha256(repr((_EDITION, tuple(stamps), question)).encode()).hexdigest()[:32]

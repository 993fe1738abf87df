"""Costs of any days by any groups as an answer of the API: a page of JSON or a file, under an ETag."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from typing import Any, BinaryIO, Final, Literal, cast

from fastapi import Response
from fastapi.responses import StreamingResponse

from batch_platform.core import cursors
from batch_platform.core.failures import InvalidInput
from batch_platform.finops import focus, groups, report, service
from batch_platform.finops.model import MonthState, Stamp
from batch_platform.finops.service import CostQuery, CostRows
from batch_platform.finops.web import exports
from batch_platform.finops.web.context import FinopsSite
from batch_platform.finops.web.exports import MEDIA, names_etag
from batch_platform.finops.web.schemas import CostReport, CostsAnswer, Measure
from batch_platform.web.api.envelope import Envelope
from batch_platform.web.api.strict import StrictModel

PAGE_AT_MOST: Final = 10_000

_EDITION: Final = 1
"""Part of every ETag: counted up when the same costs and query are written differently."""
_FOCUS_MEASURES: Final = "billed, amortized, list"
_BLOCK: Final = 1 << 20
_PAGE: Final = 1_000
"""Rows of a page of JSON, where nobody says how many and the line items decide how many there are."""


class CostMonth(StrictModel):
    """A billing month that costs were computed from."""

    month: str
    state: MonthState
    manifest_version: str


class CostRowsReport(CostReport):
    """Rows of this page, largest amount first; `rowCount` and `totals` are of all rows."""

    row_count: int


class CostRowsAnswer(StrictModel):
    """Costs of the days `start` to `end`, both included, one report a currency, and what the figures mean.

    `month`, `monthState` and `manifestVersion` are those of the one month of the answer, null for several. Months of
    the days that are not published stand in `missingMonths`. `nextCursor` is null on the last page.
    """

    project_id: str
    month: str | None
    month_state: MonthState | None
    manifest_version: str | None
    start: date
    end: date
    months: list[CostMonth]
    missing_months: list[str]
    measure: Measure
    group_by: list[str]
    filters: list[str]
    reports: list[CostRowsReport]
    next_cursor: str | None

    @classmethod
    def of(cls, rows: CostRows, next_cursor: str | None) -> CostRowsAnswer:
        query = rows.query
        months = [
            CostMonth(month=f"{stamp.month:%Y-%m}", state=stamp.state, manifest_version=stamp.version)
            for stamp in rows.stamps
        ]
        only = months[0] if len(months) == 1 and not rows.missing else None
        told: list[dict[str, Any]] = [report.to_json(page) for page in rows.reports]
        return cls(
            project_id=query.project_id,
            month=only.month if only else None,
            month_state=only.state if only else None,
            manifest_version=only.manifest_version if only else None,
            start=query.start,
            end=query.end,
            months=months,
            missing_months=[f"{month:%Y-%m}" for month in rows.missing],
            measure=cast(Measure, query.measure),
            group_by=[group.text for group in query.groups],
            filters=groups.texts(query.filters),
            reports=[
                CostRowsReport(
                    currency=one["currency"], rows=one["rows"], totals=one["totals"], row_count=page.row_count
                )
                for one, page in zip(told, rows.reports, strict=True)
            ],
            next_cursor=next_cursor,
        )


CostsEnvelope = Envelope[CostsAnswer | CostRowsAnswer]


@dataclass(frozen=True)
class Page:
    """What part of the rows, written how."""

    export: Literal["json", "csv", "parquet"]
    limit: int | None
    cursor: str | None


async def answer(site: FinopsSite, query: CostQuery, page: Page, headers: Mapping[str, str]) -> Response:
    """The answer, or 304 when the caller has it. Raises as `service.cost_rows` does."""

    def make(stamps: Sequence[Stamp]) -> Made:
        first = row_of(page.cursor, stamps, query)
        rows = service.cost_rows(site.work, site.costs, query, first=first, limit=_limit(query, page))
        if first and list(rows.stamps) != list(stamps):
            raise _changed()
        return rows.stamps, _render(rows, page)

    more = {"X-Measure": query.measure}
    if page.export != "json":
        more["Content-Disposition"] = f'attachment; filename="{_file_name(query)}.{page.export}"'
    return await kept(
        site, query, page, headers, make, media=MEDIA[page.export], more=more, heavy=not query.in_summary
    )


Made = tuple[tuple[Stamp, ...], bytes]
"""An answer's body, and the stamps it was made from."""


async def kept(
    site: FinopsSite,
    query: CostQuery,
    part: Hashable,
    headers: Mapping[str, str],
    make: Callable[[Sequence[Stamp]], Made],
    *,
    media: str = MEDIA["json"],
    more: Mapping[str, str] | None = None,
    heavy: bool = True,
) -> Response:
    """What `make` gives for the months as they are now, made once and kept; or 304 when the caller has it.

    `part` tells apart what is asked of the same query; what is `heavy` works on line items. Raises `NotFound` when
    none of the months is published.
    """
    stamps: Sequence[Stamp] = await site.costs.stamps_soon(query.project_id, query.months)
    if not stamps:  # for saying what is not found
        stamps = await asyncio.to_thread(service.published_stamps, site.work, site.costs, query)
    asked = (query, part)
    if names_etag(headers.get("if-none-match", ""), _etag(stamps, asked)):
        return Response(status_code=304, headers=_headers(stamps, asked, more))
    found = site.costs.kept_page(stamps, asked)
    if found is None:
        async with site.heavy if heavy else nullcontext():
            found = await asyncio.to_thread(site.costs.page, stamps, asked, lambda: make(stamps))
    stamps, body = found
    return Response(body, media_type=media, headers=_headers(stamps, asked, more))


async def focus_answer(site: FinopsSite, query: CostQuery, kind: focus.Kind, headers: Mapping[str, str]) -> Response:
    """The file of FOCUS, or 304 when the caller has it. Raises as `service.focus_file` does."""
    query = replace(query, measure="billed", groups=())
    asked = ("focus", query, kind)
    more = {"X-Measure": _FOCUS_MEASURES}
    stamps: Sequence[Stamp] = await site.costs.stamps_soon(query.project_id, query.months)
    if stamps and names_etag(headers.get("if-none-match", ""), _etag(stamps, asked)):
        return Response(status_code=304, headers=_headers(stamps, asked, more))
    async with site.heavy:
        found = await asyncio.to_thread(service.focus_file, site.work, site.costs, query, kind)
    name = f"{query.project_id}-{query.start}-{query.end}-focus.{kind}"
    more |= {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(found.size)}
    return StreamingResponse(_read(found.file), media_type=MEDIA[kind], headers=_headers(found.stamps, asked, more))


def _read(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK):
            yield block


def body(answer: StrictModel) -> bytes:
    return Envelope(data=answer).model_dump_json(by_alias=True).encode()


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


def documented(model: Any) -> dict[int | str, dict[str, Any]]:
    """The answers as OpenAPI tells them."""
    told = exports.documented(model)
    headers = {name: header for name, header in told[200]["headers"].items() if name != "X-Measure"}
    return {200: {"model": model, "headers": headers}, 304: told[304]}


def _limit(query: CostQuery, page: Page) -> int | None:
    return _PAGE if page.limit is None and page.export == "json" and not query.in_summary else page.limit


def _render(rows: CostRows, page: Page) -> bytes:
    if page.export == "json":
        return body(CostRowsAnswer.of(rows, cursor_to(rows.next_row, rows.stamps, rows.query)))
    if page.export == "csv":
        return report.to_csv(rows.reports).encode()
    return report.to_parquet(rows.reports)


def _changed() -> InvalidInput:
    return InvalidInput(
        "cursor-outdated",
        "the cursor is of another question, or the costs have changed since: leave it out to start again",
        field="cursor",
    )


def _headers(stamps: Sequence[Stamp], asked: object, more: Mapping[str, str] | None) -> dict[str, str]:
    return {
        "ETag": _etag(stamps, asked),
        "Cache-Control": "private, no-cache",
        "X-Month-State": ", ".join(stamp.state for stamp in stamps),
        "X-Manifest-Version": ", ".join(stamp.version for stamp in stamps),
        **(more or {}),
    }


def _file_name(query: CostQuery) -> str:
    parts = (query.project_id, f"{query.start}", f"{query.end}", query.measure, *(one.text for one in query.groups))
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", "-".join(parts))[:150]


def _etag(stamps: Sequence[Stamp], asked: object) -> str:
    return f'"{_digest(stamps, asked)}"'


def _digest(stamps: Sequence[Stamp], asked: object) -> str:
    return sha256(repr((_EDITION, tuple(stamps), asked)).encode()).hexdigest()[:32]

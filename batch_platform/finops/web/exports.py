"""A month's costs as an answer of the API: JSON or a file, under an ETag that names costs and query."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any, Final, Literal

import polars as pl
from fastapi import Response

from batch_platform.core.failures import InvalidInput
from batch_platform.finops import report
from batch_platform.finops.model import Stamp
from batch_platform.finops.service import CostReader
from batch_platform.finops.web.schemas import costs_answer
from batch_platform.web.api.envelope import Envelope

Export = Literal["json", "csv", "parquet"]

_EDITION: Final = 1
"""Part of every ETag: counted up when the same costs and query are written differently."""

MEDIA: Final[Mapping[str, str]] = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}


@dataclass(frozen=True)
class CostQuery:
    """What is asked of a month."""

    measure: str
    group_by: tuple[str, ...]
    export: Export


async def answer(
    reader: CostReader, project_id: str, month: date, query: CostQuery, headers: Mapping[str, str]
) -> Response:
    """The answer, or 304 when the caller has it. Raises `NotFound`, or `InvalidInput` for unknown groups."""
    if unknown := [group for group in query.group_by if group not in report.GROUPS]:
        raise InvalidInput(
            "unknown-group",
            "{field} knows {groups}, not {group}",
            groups=list(report.GROUPS),
            group=repr(unknown[0]),
            field="group_by",
        )
    stamp = await reader.stamp_soon(project_id, month)
    if names_etag(headers.get("if-none-match", ""), _etag(stamp, query)):
        return Response(status_code=304, headers=_headers(stamp, query))
    found = reader.kept_answer(stamp, query)
    if found is None:
        found = await asyncio.to_thread(reader.answer, stamp, query, lambda at, costs: render(at, costs, query))
    stamp, body = found
    return Response(body, media_type=MEDIA[query.export], headers=_headers(stamp, query))


def render(stamp: Stamp, costs: pl.DataFrame, query: CostQuery) -> bytes:
    """The body: every row states what its figures mean."""
    reports = report.build(
        costs,
        project_id=stamp.project_id,
        month=f"{stamp.month:%Y-%m}",
        state=stamp.state,
        manifest_version=stamp.version,
        measure=query.measure,
        group_by=query.group_by,
    )
    if query.export == "csv":
        return report.to_csv(reports).encode()
    if query.export == "parquet":
        return report.to_parquet(reports)
    return Envelope(data=costs_answer(reports)).model_dump_json(by_alias=True).encode()


def documented(model: Any) -> dict[int | str, dict[str, Any]]:
    """The answers as OpenAPI tells them."""
    told = {
        "ETag": "names costs and query",
        "X-Month-State": "open, closing, final or restated",
        "X-Manifest-Version": "delivery the costs were computed from",
        "X-Measure": "which amounts",
    }
    headers = {name: {"description": text, "schema": {"type": "string"}} for name, text in told.items()}
    files: dict[str, Any] = {"text/csv": {}, "application/vnd.apache.parquet": {}}
    return {
        200: {"model": model, "description": "The costs.", "content": files, "headers": headers},
        304: {"description": "As the ETag given names them."},
    }


def _headers(stamp: Stamp, query: CostQuery) -> dict[str, str]:
    headers = {
        "ETag": _etag(stamp, query),
        "Cache-Control": "private, no-cache",
        "X-Month-State": stamp.state.value,
        "X-Manifest-Version": stamp.version,
        "X-Measure": query.measure,
    }
    if query.export != "json":
        headers["Content-Disposition"] = f'attachment; filename="{_file_name(stamp, query)}"'
    return headers


def _file_name(stamp: Stamp, query: CostQuery) -> str:
    what = "-".join((query.measure, *query.group_by))
    return f"{stamp.project_id}-{stamp.month:%Y-%m}-{what}.{query.export}"


def _etag(stamp: Stamp, query: CostQuery) -> str:
    digest = sha256(repr((_EDITION, stamp, query)).encode()).hexdigest()
    return f'"{digest[:32]}"'


def names_etag(condition: str, etag: str) -> bool:
    """Whether an `If-None-Match` names the ETag (weak comparison, as RFC 9110 has it)."""
    named = [one.strip().removeprefix("W/") for one in condition.split(",")]
    return "*" in named or etag in named

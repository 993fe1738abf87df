"""What the API understands (JSON) and what it can answer with: 415 and 406 for everything else."""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from batch_platform.web.api.refusals import Refusal
from batch_platform.web.headers import header

ANSWERS: Final = (
    "application/json",
    "application/problem+json",
    "application/octet-stream",
    "application/vnd.apache.parquet",
    "text/csv",
)


class MediaMiddleware:
    """Refuses bodies and wishes that no route of `/api` can meet, and addresses that name nothing anywhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            raise Refusal(422, "unstorable-value", "a value holds characters or digits that cannot be stored")
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            if _has_body(scope) and not _is_json(header(scope, b"content-type") or ""):
                raise Refusal(415, "unsupported-media-type", "the API reads application/json")
            if not acceptable(header(scope, b"accept") or ""):
                raise Refusal(406, "not-acceptable", "the API answers with {types}", types=ANSWERS)
        await self._app(scope, receive, send)


def acceptable(accept: str) -> bool:
    """Whether any type we answer with satisfies the header; an empty one is satisfied by all."""
    ranges = [part for part in (part.strip().lower() for part in accept.split(",")) if part]
    return not ranges or any(_matches(part) for part in ranges)


def _matches(media_range: str) -> bool:
    kind, *parameters = (part.strip() for part in media_range.split(";"))
    if any(parameter.startswith("q=") and not parameter[2:].strip("0.") for parameter in parameters):
        return False
    return kind == "*/*" or any(kind == answer or kind == f"{answer.split('/')[0]}/*" for answer in ANSWERS)


def _has_body(scope: Scope) -> bool:
    return header(scope, b"transfer-encoding") is not None or (header(scope, b"content-length") or "0") != "0"


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))

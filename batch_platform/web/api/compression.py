"""gzip for pages, JSON, tables and assets.

What is sent compressed gives its length away: another site that makes a browser ask again and again, each time with
another guess in the address, could read a secret of the page from it (BREACH). A browser says which site made it ask,
so such answers go as they are; so do those to a browser that sends our cookie and does not say.
"""

from __future__ import annotations

from typing import Final

from starlette.middleware.gzip import DEFAULT_EXCLUDED_CONTENT_TYPES, GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batch_platform.web.headers import add, header

_SMALLEST: Final = 1_000  # bytes: less fits one packet anyway
_LEVEL: Final = 1  # twice as fast as the next, and hardly larger
_VARY: Final = ((b"vary", b"Accept-Encoding"),)
_PACKED: Final = ("application/octet-stream", "application/pdf", "application/vnd.apache.parquet")


class CompressionMiddleware:
    """Compresses what its caller takes compressed, unless another site could learn from the length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        excluded = (*DEFAULT_EXCLUDED_CONTENT_TYPES, *_PACKED)
        self._gzip = GZipMiddleware(app, _SMALLEST, _LEVEL, exclude_content_types=excluded)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _is_measurable(scope):
            await self._app(scope, receive, send)
        elif "gzip" in (header(scope, b"accept-encoding") or ""):
            await self._gzip(scope, receive, send)
        else:
            await self._app(scope, receive, _varying(send))


def _is_measurable(scope: Scope) -> bool:
    """Whether another site may have made a signed-in browser ask."""
    if header(scope, b"cookie") is None or scope["path"].startswith("/static/"):
        return False
    return header(scope, b"sec-fetch-site") not in ("same-origin", "none")


def _varying(send: Send) -> Send:
    async def varying(message: Message) -> None:
        if message["type"] == "http.response.start":
            add(message, _VARY)  # to who takes it compressed it is another
        await send(message)

    return varying

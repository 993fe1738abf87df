"""The style of btc's pages: it concerns no other page, so it is not in the console's own."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Response

from batch_platform.core.failures import NotFound
from batch_platform.web.access.dependencies import requires

PATH: Final = "/console/admin/batch-operations/files"
_MEDIA: Final = {"btc.css": "text/css; charset=utf-8"}
_YEAR: Final = 31_536_000

router = APIRouter(include_in_schema=False)


@router.get(f"{PATH}/{{name}}", dependencies=[requires("batch:read")])
async def file(name: str, v: str = "") -> Response:
    """A file, kept by browsers where the address names its content."""
    if name not in _MEDIA:
        raise NotFound(f"there is no file {name!r}")
    content, digest = _read(name)
    kept = f"private, max-age={_YEAR}, immutable" if v == digest else "no-cache"
    return Response(content, media_type=_MEDIA[name], headers={"Cache-Control": kept})


def url(name: str) -> str:
    """Where the page finds it."""
    return f"{PATH}/{name}?v={_read(name)[1]}"


@cache
def _read(name: str) -> tuple[bytes, str]:
    content = (files("batch_platform.btc") / "static" / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]

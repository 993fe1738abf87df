"""Scripts and styles of one package's pages, which concern no other page and so are not in the console's own."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Response

from batch_platform.web.access.dependencies import public, requires

_MEDIA: Final[Mapping[str, str]] = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_YEAR: Final = 31_536_000


class PackageFiles:
    """The files `names` of a package's folder `static`, under `path`, for those who have the permission.

    Without one they are for everybody, and a part opens their `paths`.
    """

    def __init__(self, package: str, path: str, *names: str, permission: str | None) -> None:
        self.path = path
        self.paths = frozenset(f"{path}/{name}" for name in names)
        self.router = APIRouter(include_in_schema=False)
        self._package = package
        guard = public() if permission is None else requires(permission)
        for name in names:
            self.router.add_api_route(f"{path}/{name}", self._answer(name), dependencies=[guard], methods=["GET"])

    def url(self, name: str) -> str:
        """Where a page finds a file."""
        return f"{self.path}/{name}?v={_read(self._package, name)[1]}"

    def _answer(self, name: str) -> Callable[..., Awaitable[Response]]:
        """Answers with the file, kept by browsers where the address names its content."""
        media = _MEDIA[name[name.rindex(".") :]]

        async def file(v: str = "") -> Response:
            content, digest = _read(self._package, name)
            kept = f"private, max-age={_YEAR}, immutable" if v == digest else "no-cache"
            return Response(content, media_type=media, headers={"Cache-Control": kept})

        return file


@cache
def _read(package: str, name: str) -> tuple[bytes, str]:
    content = (files(package) / "static" / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]

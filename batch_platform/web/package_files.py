"""Scripts and styles of one package's pages, which concern no other page and so are not in the console's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Response

from batch_platform.core.failures import NotFound
from batch_platform.web.access.dependencies import requires

_MEDIA: Final[Mapping[str, str]] = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
_YEAR: Final = 31_536_000


class PackageFiles:
    """The files `names` of a package's folder `static`, under `path`, for those who have the permission."""

    def __init__(self, package: str, path: str, *names: str, permission: str) -> None:
        self.path = path
        self.router = APIRouter(include_in_schema=False)
        self._package = package
        self._media = {name: _MEDIA[name[name.rindex(".") :]] for name in names}
        self.router.get(f"{path}/{{name}}", dependencies=[requires(permission)])(self.file)

    def url(self, name: str) -> str:
        """Where a page finds a file."""
        return f"{self.path}/{name}?v={_read(self._package, name)[1]}"

    async def file(self, name: str, v: str = "") -> Response:
        """A file, kept by browsers where the address names its content."""
        if name not in self._media:
            raise NotFound("unknown-file", "there is no file {name}", name=repr(name))
        content, digest = _read(self._package, name)
        kept = f"private, max-age={_YEAR}, immutable" if v == digest else "no-cache"
        return Response(content, media_type=self._media[name], headers={"Cache-Control": kept})


@cache
def _read(package: str, name: str) -> tuple[bytes, str]:
    content = (files(package) / "static" / name).read_bytes()
    return content, hashlib.sha256(content).hexdigest()[:12]

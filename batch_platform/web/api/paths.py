"""`{projectId:name}`: a part of a path without a colon, so that `/projects/acme:test` is no project of that name."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class NameConvertor(Convertor[str]):
    """One part of a path, up to a slash or a verb."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


# Starlette knows convertors by name only, and routes are compiled as they are declared.
register_url_convertor("name", NameConvertor())

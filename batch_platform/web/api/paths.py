"""`{projectId:name}`: a part of a path without a colon, so that `/projects/acme:test` is no project of that name.

`{batchId:uuid7}`: an id of ours, so that `/batches/preview` is no batch of that name.
"""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class NameConvertor(Convertor[str]):
    """One part of a path, up to a slash or a verb."""

    regex = "[^/:]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class Uuid7Convertor(NameConvertor):
    """A UUID of version 7, as it is written."""

    regex = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


# Starlette knows convertors by name only, and routes are compiled as they are declared.
register_url_convertor("name", NameConvertor())
register_url_convertor("uuid7", Uuid7Convertor())

"""Headers as ASGI has them, for what surrounds every request: lists of pairs, names in lower case."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Message, Scope

Pair = tuple[bytes, bytes]


def header(scope: Scope, name: bytes) -> str | None:
    """The first one of this name that was sent."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


def add(message: Message, pairs: Iterable[Pair]) -> None:
    """Beside what the answer has; its list may be shared with other answers."""
    message["headers"] = [*message.get("headers", ()), *pairs]


def add_missing(message: Message, pairs: Iterable[Pair]) -> None:
    """Those whose names the answer does not have."""
    present = {name.lower() for name, _ in message.get("headers", ())}
    add(message, [pair for pair in pairs if pair[0] not in present])


def pair(name: str, value: str) -> Pair:
    return name.lower().encode("latin-1"), value.encode("latin-1")

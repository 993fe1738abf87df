"""Who is told of a change, in its own transaction: the web's audit log, or nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from batch_platform.core.postgres import Connection

Trail = Callable[[Connection, str, str, Any, Any], None]
"""Called with the transaction's connection, what is done, to what, and the state before and after."""


def untold(connection: Connection, what: str, target: str, before: Any, after: Any) -> None:
    """For callers that keep no log, such as the command line."""

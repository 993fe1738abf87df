"""Hears at once of prices that somebody has begun to wait for."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

import psycopg

from batch_platform.core import postgres
from batch_platform.core.failures import TransientFailure

_CHANNEL: Final = "trading_wishes"


class Listener:
    """A connection of its own, made when it is first needed and again after it was lost."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: postgres.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def wait(self, seconds: float) -> bool:
        """Until somebody waits, or this long; whether somebody does. Raises `PlatformError` without a database."""
        connection = self._connection or self._listen()
        try:
            return any(True for _ in connection.notifies(timeout=seconds, stop_after=1))
        except psycopg.OperationalError as error:
            self._close()
            reason = " ".join(str(error).split())
            raise TransientFailure(
                "database-failed", "{server} failed: {reason}", server="PostgreSQL", reason=reason
            ) from None

    def _listen(self) -> postgres.Connection:
        connection = postgres.connect(self._url, application_name="batch-platform trading prices")
        connection.autocommit = True
        connection.execute(f"LISTEN {_CHANNEL}")
        self._connection = connection
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

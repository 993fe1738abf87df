"""One GET of a source: an answer as it came, or one reason why there is none."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from batch_platform.core.clock import Clock
from batch_platform.trading.acceptance import Failed
from batch_platform.trading.sources.buckets import Bucket

LARGEST_BODY: Final = 8 * 1024 * 1024
_TIMEOUT: Final = timedelta(seconds=10)
_PATIENCE: Final = timedelta(seconds=30)
_LONGEST_PAUSE: Final = 60
_PAUSE: Final = 10
Params = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True)
class Answer:
    """What a source answered, of whatever status, and when it had arrived."""

    status: int
    body: bytes
    at: datetime


class Endpoint:
    """A source's address. `timeout` is for a whole answer, `patience` for the turn before it.

    `headers` carry the key: no failure and no representation shows them.
    """

    def __init__(
        self,
        base_url: str,
        *,
        bucket: Bucket,
        clock: Clock,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = _TIMEOUT,
        patience: timedelta = _PATIENCE,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        import httpx

        self.base_url = base_url.rstrip("/")
        self._bucket, self._clock, self._patience, self._monotonic = bucket, clock, patience, monotonic
        self._seconds = timeout.total_seconds()
        self._client = httpx.Client(headers=dict(headers or {}), timeout=self._seconds, verify=_trusted())

    def get(self, path: str, params: Params) -> Answer | Failed:
        """Ask when it is our turn. Fails with `busy`, `timeout`, `connection` or `too_large`; raises nothing."""
        import httpx

        if not self._bucket.take(self._patience):
            return Failed("busy")
        try:
            return self._answer(path, params)
        except httpx.TimeoutException:
            return Failed("timeout")
        except (httpx.HTTPError, httpx.InvalidURL):
            return Failed("connection")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _answer(self, path: str, params: Params) -> Answer | Failed:
        """The body in pieces: a server that sends a byte now and then meets the same deadline as a silent one."""
        deadline = self._monotonic() + self._seconds
        body = bytearray()
        with self._client.stream("GET", self.base_url + path, params=dict(params)) as response:
            for piece in response.iter_bytes():
                body += piece
                if len(body) > LARGEST_BODY:
                    return Failed("too_large")
                if self._monotonic() > deadline:
                    return Failed("timeout")
        if response.status_code == 429:
            self._bucket.hold(_pause(response.headers.get("retry-after", "")))
        return Answer(response.status_code, bytes(body), self._clock())


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities' certificates, read once for all sources."""
    import httpx

    return httpx.create_ssl_context()


def _pause(retry_after: str) -> timedelta:
    """Seconds that a source asks for, a minute at most; ten where it says none."""
    digits = retry_after.isascii() and retry_after.isdigit() and len(retry_after) < 6
    return timedelta(seconds=min(int(retry_after), _LONGEST_PAUSE) if digits else _PAUSE)

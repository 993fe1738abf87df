"""How often a source may be asked: requests are spaced evenly, as sliding windows of providers want it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Final, Protocol

_SECOND: Final = 10**9  # in nanoseconds


class Bucket(Protocol):
    """One per account of a source, whoever asks: all of its endpoints share it."""

    def take(self, patience: timedelta) -> bool:
        """Wait for the next turn; False, at once, when it would not come within `patience`."""

    def hold(self, pause: timedelta) -> None:
        """Let nobody ask before `pause` has passed: the source has said that it is enough."""


BucketOf = Callable[[str, str, Decimal], Bucket]
"""The bucket of an account, by the source's name, its address and the requests a second."""


@dataclass
class ProcessBucket:
    """The bucket of one process, for all of its threads. `rate`: requests a second."""

    rate: Decimal
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    sleep: Callable[[float], None] = time.sleep
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, patience: timedelta) -> bool:
        with self._lock:
            now = self.monotonic_ns()
            turn = max(self._next, now)
            if turn - now > _nanoseconds(patience):
                return False
            self._next = turn + int(_SECOND / self.rate)
        if turn > now:
            self.sleep((turn - now) / _SECOND)
        return True

    def hold(self, pause: timedelta) -> None:
        with self._lock:
            self._next = max(self._next, self.monotonic_ns() + _nanoseconds(pause))


_shared: dict[tuple[str, str, Decimal], ProcessBucket] = {}
_lock = threading.Lock()


def shared(name: str, address: str, rate: Decimal) -> Bucket:
    """The process's one bucket of a source at an address, whoever opens a client of it."""
    with _lock:
        return _shared.setdefault((name, address, rate), ProcessBucket(rate))


def _nanoseconds(duration: timedelta) -> int:
    return duration // timedelta(microseconds=1) * 1_000

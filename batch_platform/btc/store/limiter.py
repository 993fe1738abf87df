"""A token bucket for each partition key: writes stay below what one key of DynamoDB takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

Ticks = Callable[[], float]
"""Seconds of a clock that never goes back."""

_KEYS_AT_MOST: Final = 1000  # beyond, those with a full bucket are forgotten


class RateLimiter:
    """Shared by all threads of a process. A key has `rate` units a second, and saves up those of one second.

    Without a rate nothing waits. Who asks for more than has been saved up goes into debt and waits until it is paid,
    so requests of any size pass, in the order in which they came.
    """

    def __init__(
        self,
        rate: int | None,
        *,
        ticks: Ticks = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._ticks = ticks
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}

    @property
    def limits(self) -> bool:
        """Whether anybody ever waits."""
        return self._rate is not None

    def take(self, key: str, units: int) -> float:
        """Wait until `units` of this key may be spent; the seconds waited."""
        if self._rate is None or units <= 0:
            return 0.0
        with self._lock:
            now = self._ticks()
            # all units asked for until now are paid at this moment; a full bucket is one second ahead of it
            begun = max(self._free_at.get(key, now - 1.0), now - 1.0)
            paid = begun + units / self._rate
            self._free_at[key] = paid
            if len(self._free_at) > _KEYS_AT_MOST:
                self._free_at = {other: at for other, at in self._free_at.items() if at > now - 1.0}
        wait = max(0.0, paid - now)
        if wait:
            self._sleep(wait)
        return wait

"""A lease on work: who holds it, and that it is kept while its holder works.

A lease bears its worker's name (`core.workers`) and an end. It is free when the end has passed, or at once when its
worker is known to be dead. Taking it raises a fencing number, so that a worker who comes late writes nothing: going
on without a lease is in vain, never harmful.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog

from batch_platform.core.failures import Conflict, PlatformError
from batch_platform.core.workers import is_dead

_log = structlog.get_logger(__name__)


def is_held(owner: str | None, until: datetime | None, now: datetime) -> bool:
    """Whether a worker that is not known to be dead has a lease that lasts."""
    return owner is not None and until is not None and until > now and not is_dead(owner)


class KeptLease:
    """Calls `renew` every so many seconds in a thread while the `with` block runs; who dies renews nothing.

    `renew` raises `Conflict` when another worker has the lease: that ends the renewals, and `lost` is set. A service
    that does not answer is asked again at the next beat.
    """

    def __init__(self, renew: Callable[[], None], *, every: float, name: str) -> None:
        self.lost = threading.Event()
        self._renew = renew
        self._every = every
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self._renew()
            except Conflict:
                self.lost.set()
                return
            except PlatformError as error:
                _log.warning("lease_not_renewed", lease=self._thread.name, reason=error.message)

"""Published costs for many readers: kept in memory under what they were computed from.

A read is one indexed query for the month's stamp, shared with coroutines that ask at the same time. What stands under
an old stamp is never asked for again and leaves as the least recently used.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from datetime import date
from typing import Final, Generic, TypeVar

import polars as pl

from batch_platform.core.batched import Batched
from batch_platform.core.failures import NotFound
from batch_platform.finops.model import Stamp
from batch_platform.finops.store import FinopsStore, Session

FRAME_BYTES: Final = 256 * 1024 * 1024
ANSWER_BYTES: Final = 64 * 1024 * 1024


Value = TypeVar("Value")


class Kept(Generic[Value]):
    """Values by key, up to `room` bytes in all; each is made once, however many threads ask at the same time."""

    def __init__(self, room: int, weigh: Callable[[Value], int]) -> None:
        self._room, self._weigh = room, weigh
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Future[Value], int]] = OrderedDict()
        self._weight = 0

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        with self._lock:
            known = self._values.get(key)
            if known is not None:
                self._values.move_to_end(key)
            else:
                future: Future[Value] = Future()
                self._values[key] = (future, 0)
        if known is not None:
            return known[0].result()
        try:
            value = make()
        except BaseException as error:
            with self._lock:
                del self._values[key]
            future.set_exception(error)
            raise
        future.set_result(value)
        self._account(key, future, self._weigh(value))
        return value

    def peek(self, key: Hashable) -> Value | None:
        """The value if it is there already."""
        with self._lock:
            known = self._values.get(key)
            if known is None or not known[0].done():
                return None
            self._values.move_to_end(key)
        return known[0].result()

    def _account(self, key: Hashable, future: Future[Value], weight: int) -> None:
        with self._lock:
            self._values[key] = (future, weight)
            self._weight += weight
            for oldest in list(self._values):
                if self._weight <= self._room:
                    break
                if self._values[oldest][0].done():
                    self._weight -= self._values.pop(oldest)[1]


class CostReader:
    """One per process, shared by its threads."""

    def __init__(
        self, store: FinopsStore, *, frame_bytes: int = FRAME_BYTES, answer_bytes: int = ANSWER_BYTES
    ) -> None:
        self._store = store
        self._frames: Kept[tuple[Stamp, pl.DataFrame]] = Kept(frame_bytes, lambda kept: int(kept[1].estimated_size()))
        self._pages: Kept[tuple[tuple[Stamp, ...], bytes]] = Kept(answer_bytes, lambda kept: len(kept[1]))
        self._stamps = Batched(store.stamps)

    def stamp(self, project_id: str, month: date) -> Stamp:
        """What the month's costs are computed from now. Raises `NotFound`."""
        with self._store.transaction() as session:
            return _stamp(session, project_id, month)

    def stamps(self, project_id: str, months: Sequence[date]) -> list[Stamp]:
        """What the published ones of these months are computed from now."""
        with self._store.transaction() as session:
            return session.stamps([(project_id, month) for month in months])

    async def stamps_soon(self, project_id: str, months: Sequence[date]) -> list[Stamp]:
        """As `stamps`, in one query with other coroutines'."""
        places = [(project_id, month) for month in months]
        stamps = await self._stamps.get(places)
        return [stamps[place] for place in places if place in stamps]

    def costs(self, stamp: Stamp) -> tuple[Stamp, pl.DataFrame]:
        """The month's cost summary, with the stamp it has; a newer one when the month was replaced meanwhile."""

        def read() -> tuple[Stamp, pl.DataFrame]:
            with self._store.snapshot() as session:
                now = _stamp(session, stamp.project_id, stamp.month)
                return now, session.costs(stamp.project_id, stamp.month, stamp.month)

        return self._frames.get(stamp, read)

    def kept_page(self, name: str) -> tuple[tuple[Stamp, ...], bytes] | None:
        """What `page` would give without any work; None when it has to be made."""
        return self._pages.peek(name)

    def page(self, name: str, make: Callable[[], tuple[tuple[Stamp, ...], bytes]]) -> tuple[tuple[Stamp, ...], bytes]:
        """An answer, kept under a name that tells apart months as they are and questions, with its stamps."""
        return self._pages.get(name, make)


def _stamp(session: Session, project_id: str, month: date) -> Stamp:
    for stamp in session.stamps([(project_id, month)]):
        return stamp
    session.project(project_id)
    raise NotFound(
        "month-not-published",
        "project {project} has no published costs for {month}",
        project=project_id,
        month=f"{month:%Y-%m}",
        field="month",
    )

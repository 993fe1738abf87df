"""Values read for coroutines in batches: many readers cost few queries, and no answer is older than its question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Batched(Generic[Key, Value]):
    """Whoever asks while a query runs shares the next one; `ask` gives what there is of the keys."""

    def __init__(self, ask: Callable[[Collection[Key]], Awaitable[Mapping[Key, Value]]]) -> None:
        self._ask = ask
        self._waiting: list[tuple[Collection[Key], asyncio.Future[Mapping[Key, Value]]]] = []
        self._asking: asyncio.Task[None] | None = None

    async def get(self, keys: Collection[Key]) -> Mapping[Key, Value]:
        """What there is now of these keys, and perhaps of others."""
        answer: asyncio.Future[Mapping[Key, Value]] = asyncio.get_running_loop().create_future()
        self._waiting.append((keys, answer))
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._drain())
        return await answer

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                values = await self._ask({key for keys, _ in batch for key in keys})
            except BaseException as error:
                for _, answer in batch:
                    if isinstance(error, Exception) and not answer.done():
                        answer.set_exception(error)
                    answer.cancel()
                if not isinstance(error, Exception):
                    raise
                continue
            for _, answer in batch:
                if not answer.done():  # its reader has left
                    answer.set_result(values)

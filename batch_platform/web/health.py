"""`/health/live` says that the process answers, `/health/ready` whether what it needs does; both are public."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import structlog
from fastapi import APIRouter
from starlette.responses import JSONResponse

from batch_platform.core.clock import Clock
from batch_platform.web.access.dependencies import public
from batch_platform.web.api.strict import StrictModel

Probe = Callable[[], None]
"""Returns when all is well, raises when not."""

PATIENCE: Final = 3.0
_FRESH: Final = timedelta(seconds=2)

_log = structlog.get_logger(__name__)


class Live(StrictModel):
    status: Literal["up"] = "up"


class Ready(StrictModel):
    """`checks` names what was asked and whether it answered; why not is in the log."""

    status: Literal["up", "down"]
    checks: dict[str, Literal["up", "down"]]


class Readiness:
    """Asks all probes at once. Anybody may ask us, so that an answer serves everybody for two seconds."""

    def __init__(self, probes: Mapping[str, Probe], *, clock: Clock, patience: float = PATIENCE) -> None:
        self._probes = dict(probes)
        self._clock = clock
        self._patience = patience
        self._executor = ThreadPoolExecutor(max(1, len(self._probes)), thread_name_prefix="health")
        self._running: dict[str, Future[None]] = {}
        self._asking = asyncio.Lock()
        self._known: Ready | None = None
        self._known_at: datetime | None = None

    async def check(self) -> Ready:
        async with self._asking:
            now = self._clock()
            if self._known is None or self._known_at is None or not timedelta(0) <= now - self._known_at < _FRESH:
                checks = dict(zip(self._probes, await asyncio.gather(*map(self._ask, self._probes)), strict=True))
                self._known = Ready(status="down" if "down" in checks.values() else "up", checks=checks)
                self._known_at = self._clock()
            return self._known

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, name: str) -> Literal["up", "down"]:
        running = self._running.get(name)
        if running is None or running.done():  # one that still hangs is not asked a second time
            running = self._running[name] = self._executor.submit(self._probes[name])
        try:
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(running)), self._patience)
        except Exception as error:  # noqa: BLE001 (a probe may fail in any way; the log has it)
            reason = f"no answer in {self._patience:g} s" if isinstance(error, TimeoutError) else str(error)
            _log.warning("not ready", check=name, reason=reason)
            return "down"
        return "up"


def build_router(readiness: Readiness) -> APIRouter:
    router = APIRouter(tags=["health"], dependencies=[public()])

    @router.get("/health/live")
    async def live() -> Live:
        """The process answers."""
        return Live()

    down: dict[int | str, dict[str, Any]] = {503: {"model": Ready, "description": "Something needed is down."}}

    @router.get("/health/ready", response_model=Ready, responses=down)
    async def ready() -> JSONResponse:
        """Everything needed answers."""
        status = await readiness.check()
        return JSONResponse(status.model_dump(by_alias=True), 200 if status.status == "up" else 503)

    return router

"""Connections of the web: how many, and how long each may take for what it owes us.

Uvicorn waits for ever for the rest of a request and for a reader of its answer, and counts no connection that asks
nothing. A proxy in front has limits of its own; these hold without one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

RETRY_SECONDS: Final = 5
_MOST_FILES: Final = 65_536
_RESERVED: Final = 256  # for databases, logs, runs that are started, and the monitor
_FEWEST: Final = 16
_REFUSED: Final = 64  # that are told so at once; more are cut off
_REFUSAL_SECONDS: Final = 1.0
_ORDER: Final = count()  # in which connections became idle: the loop's clock is the same for all of one round

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ConnectionLimits:
    """How many connections are open at once, and the seconds that a caller has for each part.

    `head_seconds`  until the head of the first request, and of another one that was begun, is complete
    `body_seconds`  from there to the end of the body
    `read_seconds`  while the answer waits for its reader: any progress begins them anew
    """

    count: int
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    read_seconds: float = 60.0


def raise_file_limit() -> int:
    """Let this process open as many files as it may; how many that are."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        except (OSError, ValueError) as error:  # such as a sandbox that forbids it
            _log.warning("the limit of open files stays", files=soft, reason=str(error))
            return soft
        return allowed
    return allowed if soft == resource.RLIM_INFINITY else soft


def limits_for(files: int, *, most: int) -> ConnectionLimits:
    """At most so many connections, and fewer where the limit of open files leaves the rest of the process no room."""
    return ConnectionLimits(max(_FEWEST, min(most, files - _RESERVED)))


def bounded(limits: ConnectionLimits) -> type[BoundedProtocol]:
    """The protocol for `uvicorn.Config(http=…)` that keeps to these limits."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limits": limits})


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 of uvicorn, within limits.

    When all connections are taken, the one that has asked nothing for longest makes room; when all are being
    answered, another one gets 503.
    """

    limits: ConnectionLimits

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        self._idle_as = next(_ORDER)
        self._in_head = False
        self._in_body = False
        self._is_refused = False

    @property
    def is_idle(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def may_go(self) -> bool:
        """Whether it can be closed for another one."""
        return self.is_idle and not self._is_refused and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_as = next(_ORDER)
        self._begin(self.limits.head_seconds)
        beyond = len(self.connections) - self.limits.count
        if beyond > 0 and not self._make_room():
            self._is_refused = True  # told when it has asked: an answer before that is easily lost
            self._begin(_REFUSAL_SECONDS)
            if beyond > _REFUSED:
                transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self._stop_reader()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            self._answer(503, "Service Unavailable", f"retry-after: {RETRY_SECONDS}\r\n")
        elif not self.transport.is_closing():
            super().data_received(data)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._begin(self.limits.head_seconds)

    def on_headers_complete(self) -> None:
        self._in_head, self._in_body = False, True
        self._begin(self.limits.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        self._end()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._idle_as = next(_ORDER)
        super().on_response_complete()

    def handle_websocket_upgrade(self) -> None:
        self._end()
        self._stop_reader()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_reader()
        self._reader = self.loop.call_later(self.limits.read_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_reader()
        super().resume_writing()

    def _begin(self, seconds: float) -> None:
        self._end()
        self._deadline = self.loop.call_later(seconds, self._on_deadline)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_reader(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _on_deadline(self) -> None:
        if self.transport.is_closing():
            return
        if self._in_head and not self.is_idle:
            self._begin(self.limits.head_seconds)  # the answer before it is under way
        elif self._in_head or (self._in_body and not self.cycle.response_started):
            self._answer(408, "Request Timeout")
        else:
            self.transport.close()

    def _make_room(self) -> bool:
        """Close the connection that has asked nothing for longest; False where there is no other than this one."""
        others: list[BoundedProtocol] = [
            other
            for other in self.connections
            if isinstance(other, BoundedProtocol) and other is not self and other.may_go
        ]
        if not others:
            return False
        longest: BoundedProtocol = min(others, key=_order)
        longest.transport.close()
        return True

    def _answer(self, status: int, phrase: str, header: str = "") -> None:
        """Without the app: it has not been asked, or waits for a body that does not come."""
        head = f"HTTP/1.1 {status} {phrase}\r\n{header}content-type: text/plain\r\ncontent-length: {len(phrase)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n{phrase}".encode())
        self.transport.close()


def _order(connection: BoundedProtocol) -> int:
    return connection._idle_as

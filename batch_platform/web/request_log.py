"""The log of requests in the database: which route answered what, how fast, to what kind of caller.

Lines are kept in the process and written together by a thread of its own, so that no request waits for them or fails
with them. A process that is killed loses those of the last seconds; while the database is away the oldest go.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batch_platform.core import postgres
from batch_platform.core.failures import PlatformError
from batch_platform.core.logs import in_one_line
from batch_platform.core.sql import load
from batch_platform.web.context import WebContext

EVERY_SECONDS: Final = 2.0
BATCH: Final = 1_000
"""Lines of one statement."""
KEPT: Final = 20_000
"""Lines that wait at most."""
UNKNOWN_ROUTE: Final = "unknown"
"""The route of a request that none has taken: raw paths would be as many as strangers can think of."""

_STOP_SECONDS: Final = 5.0  # a database that is away is not waited for
_UNLOGGED: Final = ("/static/", "/health/")
_KNOWN_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SQL: Final = load("batch_platform.web.sql")

_log = structlog.get_logger(__name__)


class Line(NamedTuple):
    """A request. `milliseconds` pass until its answer begins: a stream that stays open counts as any other."""

    at: datetime
    method: str
    route: str
    status: int
    milliseconds: float
    principal: str

    def row(self) -> Sequence[object]:
        """As the statement takes it."""
        return self.at, self.method, self.route, self.status, f"{self.milliseconds:.3f}", self.principal


class RequestLog:
    """The lines of this process, from when it is started until it is stopped."""

    def __init__(self, context: WebContext, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._context = context
        self._every = every_seconds
        self._lines: deque[Line] = deque(maxlen=KEPT)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_away = False

    def add(self, line: Line) -> None:
        """Keep a line to be written; of too many the oldest goes."""
        self._lines.append(line)

    def start(self) -> None:
        """Write from now on, in a thread of its own."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Write what is left, and end."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
            self._thread = None

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            self.flush()
        self.flush()

    def flush(self) -> None:
        """Write all lines that are there, each batch by one statement. Whatever hinders it is told once."""
        while self._lines:
            lines = [self._lines.popleft() for _ in range(min(BATCH, len(self._lines)))]
            try:
                self._write(lines)
            except Exception as error:  # noqa: BLE001 (a log that cannot be written stops nothing)
                room = KEPT - len(self._lines)
                self._lines.extendleft(reversed(lines[max(0, len(lines) - room) :]))
                if not self._is_away:
                    _log.warning("requests are not logged", reason=_reason(error))
                self._is_away = True
                return
            self._is_away = False

    def _write(self, lines: Sequence[Line]) -> None:
        with (
            postgres.transaction(self._context.pool) as connection,
            connection.cursor() as cursor,
            cursor.copy(_SQL["write_requests"]) as copy,
        ):
            for line in lines:
                copy.write_row(line.row())


class RequestLogMiddleware:
    """Keeps a line of every request but those for static files and probes."""

    def __init__(self, app: ASGIApp, context: WebContext, log: RequestLog) -> None:
        self._app = app
        self._clock = context.clock
        self._requests = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(_UNLOGGED):
            await self._app(scope, receive, send)
            return
        at, started = self._clock(), time.perf_counter()
        status, answered = 500, 0.0

        async def noticed(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter()
            await send(message)

        try:
            await self._app(scope, receive, noticed)
        finally:
            if answered:  # a caller who left before has had no answer
                milliseconds = (answered - started) * 1000
                principal = scope.get("principal")
                kind = principal.subject.partition(":")[0] if principal else "anonymous"
                self._requests.add(Line(at, _method(scope), route_of(scope), status, milliseconds, kind))


def route_of(scope: Scope) -> str:
    """The template of the route that has answered, `/name/*` of an app that is mounted."""
    route = scope.get("route")
    template = getattr(route, "path", None)
    if template is not None:
        return str(template)
    mounted = str(scope.get("root_path", ""))
    return f"{mounted}/*" if mounted else UNKNOWN_ROUTE


def _method(scope: Scope) -> str:
    method = str(scope["method"])
    return method if method in _KNOWN_METHODS else "OTHER"


def _reason(error: Exception) -> str:
    return str(error.message) if isinstance(error, PlatformError) else in_one_line(error)

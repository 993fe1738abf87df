"""`Idempotency-Key` on writes of the API: asked again with the same key and body, the answer is the same.

A key belongs to principal, method and path. While a write is under way its process holds a lease on the key; a
process that is killed leaves a key that can be used again as soon as it is known to be dead, at the latest after the
lease. Answers that report success are kept for a day; after any other the key is free, to be tried again.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Final

import structlog
from fastapi import Header
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from batch_platform.core import postgres
from batch_platform.core.failures import InvalidInput, PlatformError
from batch_platform.core.sql import load
from batch_platform.core.workers import is_dead, worker_name
from batch_platform.web.api.bodies import read_body, replayed
from batch_platform.web.api.refusals import Refusal
from batch_platform.web.context import WebContext

HEADER: Final = "Idempotency-Key"
METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
PATTERN: Final = r"^[\x21-\x7e]{1,200}$"
LEASE: Final = timedelta(seconds=60)
KEPT: Final = timedelta(days=1)
_LARGEST: Final = 1024 * 1024
_SQL: Final = load("batch_platform.web.sql")

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=HEADER,
        pattern=PATTERN,
        description="The same key and body give the same answer, for a day; another body gives 422.",
        examples=["5f0c1c9e-2f53-4d6a-9a3e-0d3f4c1f7a10"],
    ),
]
"""The parameter of a route that wants the key itself; every write of the API honours it anyway."""

_log = structlog.get_logger(__name__)


class InFlight(Refusal):
    """The same request is still being worked on."""

    def __init__(self) -> None:
        super().__init__(
            409,
            "idempotency-key-in-use",
            "the request with this Idempotency-Key is still being worked on",
            headers={"Retry-After": "2"},
        )


@dataclass(frozen=True)
class Answer:
    """An answer as it was sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


def token(connection: HTTPConnection) -> str | None:
    """The key of this request as one word of its principal, method and path; None without a key.

    For services that derive the id of what they make from it, so that even a killed process leaves nothing double.
    """
    key_id: bytes | None = connection.scope.get("idempotency_id")
    return None if key_id is None else key_id.hex()


class IdempotencyMiddleware:
    """Stands between authentication and the routes of `/api`."""

    def __init__(self, app: ASGIApp, context: WebContext, opened: Collection[str] = ()) -> None:
        self._app = app
        self._context = context
        # what signs in: its answers open something, and are kept nowhere
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = _key(scope, self._opened)
        if key is None:
            await self._app(scope, receive, send)
            return
        body = await read_body(receive)
        key_id = _id(scope, key)
        claim = Claim(self._context, key_id, worker_name())
        stored = await run_in_threadpool(claim.take, _fingerprint(scope, body))
        if stored is not None:
            await _send(stored, send, replayed=True)
            return
        scope["idempotency_id"] = key_id
        recorder = _Recorder()
        renewal = asyncio.create_task(_renewing(claim))
        try:
            await self._app(scope, replayed(body, receive), recorder)
        finally:
            renewal.cancel()
            answer = recorder.answer()
            await run_in_threadpool(claim.settle, answer)
        if answer is not None:
            await _send(answer, send)


@dataclass(frozen=True)
class Claim:
    """One request's hold on its key; the owner names this process and this request."""

    context: WebContext
    key_id: bytes
    owner: str

    def take(self, request_hash: bytes) -> Answer | None:
        """Take the key (None), or the answer that it has. Raises `InvalidInput` for another body, `InFlight`."""
        with self._cursor() as cursor:
            cursor.execute(_SQL["delete_expired_keys"], {"now": self.context.clock()})
            known = self._take(cursor, request_hash, dead_owner=None)
            if known and known["status"] is None and is_dead(known["owner"]):
                known = self._take(cursor, request_hash, dead_owner=known["owner"])
        if known is None:
            return None
        if bytes(known["request_hash"]) != request_hash:
            raise InvalidInput(
                "idempotency-key-reused", "this Idempotency-Key came with another body before", field=HEADER
            )
        if known["status"] is None:
            raise InFlight
        return Answer(known["status"], [(name, value) for name, value in known["headers"]], bytes(known["body"]))

    def settle(self, answer: Answer | None) -> None:
        """Keep a successful answer, else free the key. What was done stands, so a failure here is only logged."""
        mine = {"id": self.key_id, "owner": self.owner}
        try:
            with self._cursor() as cursor:
                if answer is None or answer.status >= 400 or len(answer.body) > _LARGEST:
                    cursor.execute(_SQL["release_key"], mine)
                else:
                    values = {"status": answer.status, "headers": Jsonb(answer.headers), "body": answer.body}
                    cursor.execute(_SQL["answer_key"], mine | values)
        except PlatformError as error:
            _log.warning("the answer under an Idempotency-Key was not kept", reason=error.message)

    def renew(self) -> None:
        lease = self.context.clock() + LEASE
        with self._cursor() as cursor:
            cursor.execute(_SQL["renew_key"], {"id": self.key_id, "owner": self.owner, "lease_expires_at": lease})

    def _take(self, cursor: Any, request_hash: bytes, *, dead_owner: str | None) -> dict[str, Any] | None:
        """None when the key is ours now, else its row."""
        now = self.context.clock()
        values = {
            "id": self.key_id,
            "request_hash": request_hash,
            "owner": self.owner,
            "lease_expires_at": now + LEASE,
            "expires_at": now + KEPT,
            "now": now,
            "dead_owner": dead_owner,
        }
        if cursor.execute(_SQL["claim_key"], values).fetchone():
            return None
        row: dict[str, Any] | None = cursor.execute(_SQL["key"], {"id": self.key_id}).fetchone()
        if row is None:  # freed between the two statements
            raise InFlight
        return row

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with postgres.transaction(self.context.pool) as own, own.cursor(row_factory=dict_row) as cursor:
            yield cursor


class _Recorder:
    """Takes an answer in, to send it once its key is settled."""

    def __init__(self) -> None:
        self._start: Message | None = None
        self._body: list[bytes] = []
        self._complete = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._body.append(message.get("body", b""))
            self._complete = not message.get("more_body", False)

    def answer(self) -> Answer | None:
        """None when the app failed half way."""
        if self._start is None or not self._complete:
            return None
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self._start["headers"]]
        return Answer(self._start["status"], headers, b"".join(self._body))


def _key(scope: Scope, opened: Collection[str]) -> str | None:
    """The key of a write of the API. Raises `InvalidInput` for one that is malformed."""
    if scope["type"] != "http" or scope["method"] not in METHODS or not scope["path"].startswith("/api/"):
        return None
    if scope["path"] in opened:
        return None
    values = Headers(scope=scope).getlist(HEADER)
    if not values:
        return None
    if len(values) > 1 or not re.fullmatch(PATTERN, values[0]):
        raise InvalidInput("bad-idempotency-key", "an Idempotency-Key has 1 to 200 visible characters", field=HEADER)
    return values[0]


def _id(scope: Scope, key: str) -> bytes:
    parts = (scope["principal"].subject, scope["method"], scope["path"], key)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


def _fingerprint(scope: Scope, body: bytes) -> bytes:
    return hashlib.sha256(scope.get("query_string", b"") + b"\0" + body).digest()


async def _renewing(claim: Claim) -> None:
    """A long write keeps its key."""
    while True:
        await asyncio.sleep(LEASE.total_seconds() / 3)
        with suppress(PlatformError):
            await run_in_threadpool(claim.renew)


async def _send(answer: Answer, send: Send, *, replayed: bool = False) -> None:
    headers = [*answer.headers, ("Idempotency-Replayed", "true")] if replayed else answer.headers
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})

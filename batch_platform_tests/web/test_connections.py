"""Held connections: nobody keeps the others out, and half a request ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from batch_platform.web.connections import BoundedProtocol, ConnectionLimits, bounded, limits_for
from batch_platform_tests.waiting import PATIENCE, eventually
from batch_platform_tests.web.served import served

LIMITS = ConnectionLimits(count=4, head_seconds=0.2, body_seconds=0.2, read_seconds=0.2)
LONG = 64 * 1024 * 1024
HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n"


class App:
    """Answers what it is sent; `/held` waits until it is let go, `/long` has an answer of `LONG` bytes."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.seen: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        import anyio

        if scope["type"] != "http":
            return
        self.seen.append(scope["path"])
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.seen.append("gone")
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if scope["path"] == "/held":
            await anyio.to_thread.run_sync(self.let_go.wait, PATIENCE)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(LONG // 65_536 if scope["path"] == "/long" else 0):
            await send({"type": "http.response.body", "body": b"x" * 65_536, "more_body": True})
        await send({"type": "http.response.body", "body": body})
        self.seen.append(f"{scope['path']} done")


@pytest.fixture
def app() -> App:
    return App()


@contextmanager
def serving(app: App, limits: ConnectionLimits = LIMITS) -> Iterator[str]:
    with served(app, lifespan="off", http=bounded(limits)) as url:
        try:
            yield url
        finally:
            app.let_go.set()


def connected(url: str, sent: bytes = b"") -> socket.socket:
    place = urlsplit(url)
    assert place.hostname is not None
    caller = socket.create_connection((place.hostname, place.port or 0), timeout=PATIENCE)
    caller.sendall(sent)
    return caller


def received(caller: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    parts = []
    while part := caller.recv(65_536):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nhost:", b"HTTP/1.1 408 "),
        (HEAD, b"HTTP/1.1 408 "),
        (HEAD + b"\r\nabc", b"HTTP/1.1 408 "),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET / HT", b"HTTP/1.1 200 "),
    ],
)
def test_half_a_request_ends(app: App, sent: bytes, answer: bytes) -> None:
    with serving(app) as url, connected(url, sent) as caller:
        told = received(caller)
    assert told[: len(answer)] == answer
    assert (told == b"") == (answer == b"")
    assert ("gone" in app.seen) == (sent == HEAD + b"\r\nabc")


def test_who_sends_a_byte_now_and_then_has_no_more_time(app: App) -> None:
    with serving(app) as url, connected(url, b"GET / HTTP/1.1\r\nx: ") as caller:
        caller.setblocking(False)
        told = eventually(lambda: _dripped(caller), pause=0.05)
    assert told.startswith(b"HTTP/1.1 408 ")


def _dripped(caller: socket.socket) -> bytes:
    """What the server says after another byte."""
    with suppress(ConnectionError):
        caller.send(b"y")
    try:
        return caller.recv(65_536)
    except BlockingIOError:
        return b""


def test_who_does_not_read_the_answer_is_cut_off(app: App) -> None:
    with serving(app) as url, connected(url, b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n") as caller:
        eventually(lambda: "/long done" in app.seen)
        length = 0
        with suppress(ConnectionError):
            length = len(received(caller))
        assert length < LONG


def test_those_who_ask_nothing_make_room(app: App) -> None:
    limits = ConnectionLimits(count=4, head_seconds=PATIENCE)
    with ExitStack() as stack:
        url = stack.enter_context(serving(app, limits))
        idle = [stack.enter_context(connected(url)) for _ in range(9)]
        assert httpx.get(url, trust_env=False).status_code == 200
        assert received(idle[0]) == b""
        idle[-1].sendall(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert idle[-1].recv(15) == b"HTTP/1.1 200 OK"


def test_where_all_are_being_answered_another_is_told_to_come_again(app: App) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(serving(app))
        held = [stack.enter_context(connected(url, b"GET /held HTTP/1.1\r\nhost: x\r\n\r\n")) for _ in range(4)]
        eventually(lambda: app.seen.count("/held") == 4)
        answer = httpx.get(url, trust_env=False)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        app.let_go.set()
        assert {caller.recv(15) for caller in held} == {b"HTTP/1.1 200 OK"}
        assert httpx.get(url, trust_env=False).status_code == 200


@pytest.mark.parametrize(("files", "count"), [(1_024, 768), (65_536, 2_000), (128, 16)])
def test_connections_leave_files_for_everything_else(files: int, count: int) -> None:
    assert limits_for(files, most=2_000).count == count
    assert issubclass(bounded(LIMITS), BoundedProtocol)

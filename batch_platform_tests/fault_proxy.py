"""A real HTTP proxy in front of an S3 endpoint that fails on demand; no mocks.

    with FaultProxy(settings.aws_endpoint_url) as proxy:
        proxy.add(CutBody("2026-01/data.csv.gz", after=1000))        # the first GET of that key
        proxy.add(Answer(status=503, code="SlowDown", times=3))      # then the next three GETs of any key
        s3 = client("s3", settings.model_copy(update={"aws_endpoint_url": proxy.url}))

Each fault counts the requests it matches and acts on the `nth` and the `times - 1` after it. Several may act
on one request. `proxy.requests` holds what was asked, in the order of arrival.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote, urlsplit

from batch_platform_tests.waiting import PATIENCE

_CHUNK = 64 * 1024
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect", "proxy-connection"}


@dataclass
class Fault:
    """Which requests fail: those whose path contains `key`, by `method` (empty: any), from the `nth` on."""

    key: str = ""
    method: str = field(default="GET", kw_only=True)
    nth: int = field(default=1, kw_only=True)
    times: int = field(default=1, kw_only=True)
    seen: int = field(default=0, init=False)

    def strikes(self, method: str, path: str) -> bool:
        """Count a request and say whether this fault acts on it."""
        if (self.method and method != self.method) or self.key not in path:
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


@dataclass
class CutBody(Fault):
    """Close the connection after `after` bytes of the response's body; by a TCP reset if `reset`."""

    after: int = field(default=0, kw_only=True)
    reset: bool = field(default=False, kw_only=True)


@dataclass
class Answer(Fault):
    """Answer with an S3 error in place of the service."""

    status: int = field(default=503, kw_only=True)
    code: str = field(default="SlowDown", kw_only=True)


@dataclass
class Delay(Fault):
    """Wait before the request is passed on, in seconds."""

    seconds: float = field(default=1.0, kw_only=True)


@dataclass
class ForgeETag(Fault):
    """Answer with another ETag and let a failed If-Match pass, as a cache in between would."""

    etag: str = field(default="0" * 32, kw_only=True)


@dataclass
class Before(Fault):
    """Run `action` before the request is passed on, such as a PUT that swaps the object between two GETs."""

    action: Callable[[], object] = field(default=lambda: None, kw_only=True)


@dataclass
class Request:
    """What a client asked and got; `path` is decoded and without its query, `sent` counts body bytes.

    `status` is 0 until the answer is complete or cut.
    """

    method: str
    path: str
    query: str
    span: str | None
    status: int = 0
    sent: int = 0


class FaultProxy:
    """Listens on a free port of 127.0.0.1 while its `with` block runs; `url` is its address."""

    def __init__(self, target_url: str) -> None:
        self.target = urlsplit(target_url).netloc
        self.requests: list[Request] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, fault: Fault) -> Fault:
        """Plan a failure; its `seen` tells how many requests have matched."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every fault and every request so far."""
        with self._lock:
            self._faults.clear()
            self.requests.clear()

    def count(self, method: str, key: str = "") -> int:
        """How many requests of a method had `key` in their path."""
        with self._lock:
            return sum(request.method == method and key in request.path for request in self.requests)

    def striking(self, method: str, path: str) -> list[Fault]:
        with self._lock:
            return [fault for fault in self._faults if fault.strikes(method, path)]

    def record(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultProxy
    protocol_version = "HTTP/1.1"
    wbufsize = 0
    disable_nagle_algorithm = True

    def do_any(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        body = self._body()
        request = Request(self.command, path, parts.query, self.headers.get("Range"))
        self.proxy.record(request)
        faults = self.proxy.striking(self.command, path)
        for fault in faults:
            if isinstance(fault, Delay):
                time.sleep(fault.seconds)
            if isinstance(fault, Before):
                fault.action()
        refusal = next((fault for fault in faults if isinstance(fault, Answer)), None)
        if refusal is not None:
            request.status, request.sent = self._refuse(refusal)
        else:
            request.status, request.sent = self._forward(body, faults)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = do_any

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the tests look at `requests`."""

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _refuse(self, refusal: Answer) -> tuple[int, int]:
        text = f"<Error><Code>{refusal.code}</Code><Message>injected</Message></Error>".encode()
        self.send_response(refusal.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
        return refusal.status, len(text)

    def _forward(self, body: bytes, faults: list[Fault]) -> tuple[int, int]:
        forged = next((fault for fault in faults if isinstance(fault, ForgeETag)), None)
        cut = next((fault for fault in faults if isinstance(fault, CutBody)), None)
        upstream = HTTPConnection(self.proxy.target, timeout=PATIENCE)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                skipped = _HOP_BY_HOP | ({"if-match"} if forged else set())
                if name.lower() not in skipped | {"content-length"}:
                    upstream.putheader(name, value)
            upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            answer = upstream.getresponse()
            self._head(answer, forged)
            return answer.status, self._copy(answer, cut)
        finally:
            upstream.close()

    def _head(self, answer: HTTPResponse, forged: ForgeETag | None) -> None:
        self.send_response_only(answer.status, answer.reason)
        chunked = answer.getheader("Content-Length") is None and self.command != "HEAD"
        for name, value in answer.getheaders():
            if name.lower() == "etag" and forged:
                self.send_header(name, f'"{forged.etag}"')
            elif name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if chunked:  # of unknown length: its end is the end of the connection
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()

    def _copy(self, answer: HTTPResponse, cut: CutBody | None) -> int:
        sent = 0
        while data := answer.read(_CHUNK):
            if cut is not None and sent + len(data) > cut.after:
                self.wfile.write(data[: cut.after - sent])
                self._hang_up(reset=cut.reset)
                return cut.after
            self.wfile.write(data)
            sent += len(data)
        return sent

    def _hang_up(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

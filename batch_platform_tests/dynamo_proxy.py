"""A real HTTP proxy in front of a DynamoDB endpoint that fails on demand; no mocks.

    with DynamoProxy(settings.aws_endpoint_url_dynamodb) as proxy:
        proxy.lose_reply("TransactWriteItems")     # written, but nobody is told
        proxy.refuse("UpdateItem", "ThrottlingException", times=3)

A fault acts on the next `times` requests of its operation; what was asked stands in `operations`,
how many faults have acted in `struck`.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from batch_platform_tests.waiting import PATIENCE

Reply = tuple[int, bytes]
Forward = Callable[[bytes], Reply]


@dataclass
class Fault:
    """What answers the next `times` requests of an operation: given the body and a way on, a reply or None (cut)."""

    operation: str
    answer: Callable[[bytes, Forward], Reply | None]
    times: int


class DynamoProxy:
    """Listens on a free port of 127.0.0.1 while its `with` block runs; `url` is its address."""

    def __init__(self, target_url: str) -> None:
        self.target = urlsplit(target_url).netloc
        self.operations: list[str] = []
        self.struck = 0
        self.reached = threading.Event()
        self._released = threading.Event()
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def lose_reply(self, operation: str, times: int = 1) -> None:
        """Pass the request on and hang up instead of answering."""

        def answer(body: bytes, forward: Forward) -> None:
            forward(body)

        self._add(operation, answer, times)

    def refuse(self, operation: str, code: str, times: int = 1) -> None:
        """Answer with an error of DynamoDB; nothing is done."""
        self._add(operation, lambda body, forward: _error(code), times)

    def cancel(self, operation: str, reason: str, times: int = 1) -> None:
        """Cancel a transaction, every write of it for this reason."""

        def answer(body: bytes, forward: Forward) -> Reply:
            reasons = [{"Code": reason, "Message": "injected"} for _ in json.loads(body)["TransactItems"]]
            return _error("TransactionCanceledException", CancellationReasons=reasons)

        self._add(operation, answer, times)

    def leave_unprocessed(self, times: int = 1, *, all_keys: bool = False) -> None:
        """Let BatchGetItem read every second key, or none, and hand the others back."""

        def answer(body: bytes, forward: Forward) -> Reply:
            request = json.loads(body)
            [(table, requested)] = request["RequestItems"].items()
            now, later = ([], requested["Keys"]) if all_keys else (requested["Keys"][::2], requested["Keys"][1::2])
            read: dict[str, Any] = {"Responses": {table: []}}
            if now:
                read = json.loads(
                    forward(json.dumps({"RequestItems": {table: {**requested, "Keys": now}}}).encode())[1]
                )
            left = {table: {**requested, "Keys": later}} if later else {}
            return 200, json.dumps({**read, "UnprocessedKeys": left}).encode()

        self._add("BatchGetItem", answer, times)

    def lag(self, index: str, times: int, *, statuses: Iterable[str]) -> None:
        """Let an index by status name the items of all these statuses under each one, as if none had moved."""

        def answer(body: bytes, forward: Forward) -> Reply:
            request = json.loads(body)
            if request.get("IndexName") != index:
                return forward(body)
            items: list[Any] = []
            for status in statuses:
                request["ExpressionAttributeValues"][":status"] = {"S": str(status)}
                items += json.loads(forward(json.dumps(request).encode())[1])["Items"]
            return 200, json.dumps({"Items": items, "Count": len(items), "ScannedCount": len(items)}).encode()

        self._add("Query", answer, times)

    def calm(self) -> None:
        """Forget the faults that have not acted yet."""
        with self._lock:
            self._faults.clear()

    def freeze(self, operation: str, reply: bytes) -> None:
        """Answer with what was true a while ago, as an index that lags does."""
        self._add(operation, lambda body, forward: (200, reply), 1)

    def hold(self, operation: str) -> None:
        """Keep the next request until the proxy ends, without passing it on; `reached` tells when it came."""

        def answer(body: bytes, forward: Forward) -> None:
            self.reached.set()
            self._released.wait(PATIENCE)

        self._add(operation, answer, 1)

    def count(self, operation: str) -> int:
        with self._lock:
            return self.operations.count(operation)

    def _add(self, operation: str, answer: Callable[[bytes, Forward], Reply | None], times: int) -> None:
        with self._lock:
            self._faults.append(Fault(operation, answer, times))

    def striking(self, operation: str) -> Fault | None:
        """The fault that acts on a request of this operation, counted down."""
        with self._lock:
            self.operations.append(operation)
            due = next((fault for fault in self._faults if fault.operation == operation and fault.times), None)
            if due is not None:
                due.times -= 1
                self.struck += 1
            return due

    def __enter__(self) -> DynamoProxy:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    proxy: DynamoProxy
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.striking(self.headers.get("X-Amz-Target", "").rpartition(".")[2])
        reply = self._forward(body) if fault is None else fault.answer(body, self._forward)
        if reply is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, text = reply
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: the tests look at `operations`."""

    def _forward(self, body: bytes) -> Reply:
        upstream = HTTPConnection(self.proxy.target, timeout=PATIENCE)
        try:
            kept = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")
            }
            upstream.request("POST", self.path, body, kept)
            answer = upstream.getresponse()
            return answer.status, answer.read()
        finally:
            upstream.close()


def _error(code: str, **more: Any) -> Reply:
    text = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "injected", **more}
    return 400, json.dumps(text).encode()

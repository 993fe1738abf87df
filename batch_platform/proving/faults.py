"""Clients whose worker dies, stops, or meets failures: at chosen requests, and nothing else is changed.

    client = disturbed(dynamodb, Mortal(at=7))     # dies with its seventh write, and so do all its threads

A hazard is shared by the clients of one worker: a write to S3 counts as one to DynamoDB does, and so does a commit of
PostgreSQL that has written (`proving.postgres`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, Final, Protocol, TypeVar, cast

WRITES: Final = frozenset(
    {
        "transact_write_items",
        "put_item",
        "update_item",
        "delete_item",
        "put_object",
        "upload_part",
        "complete_multipart_upload",
        "delete_objects",
    }
)
READS: Final = frozenset({"get_item", "batch_get_item", "query", "scan", "head_object", "get_object"})

Client = TypeVar("Client")


class WorkerKilled(SystemExit):
    """What a worker does not survive: no handler of ordinary errors sees it."""


@contextmanager
def quiet_deaths() -> Iterator[None]:
    """Threads of killed workers end without a word."""
    others = threading.excepthook

    def hook(ended: threading.ExceptHookArgs) -> None:
        if ended.exc_type is not WorkerKilled:
            others(ended)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = others


class Request(Protocol):
    """A request on its way to a store."""

    @property
    def operation(self) -> str: ...

    @property
    def writes(self) -> bool: ...

    def made(self) -> Any:
        """The answer; asked again, the request is made again."""


@dataclass(frozen=True)
class AwsRequest:
    """A request on its way to AWS."""

    client: Any
    operation: str
    arguments: Mapping[str, Any]

    @property
    def writes(self) -> bool:
        return self.operation in WRITES

    def made(self) -> Any:
        """The answer; asked again, the request is made again."""
        return getattr(self.client, self.operation)(**self.arguments)


class Hazard(Protocol):
    """What happens around each request of a worker: its answer, or what is raised instead."""

    def around(self, request: Request) -> Any: ...


class Calm:
    """Nothing happens."""

    def around(self, request: Request) -> Any:
        return request.made()


def disturbed(client: Client, hazard: Hazard) -> Client:
    """A client whose reads and writes all pass the hazard."""
    return cast(Client, _Disturbed(client, hazard))


class _Disturbed:
    def __init__(self, client: Any, hazard: Hazard) -> None:
        self._client = client
        self._hazard = hazard

    def __getattr__(self, name: str) -> Any:
        return partial(self._ask, name) if name in WRITES | READS else getattr(self._client, name)

    def _ask(self, operation: str, **arguments: Any) -> Any:
        return self._hazard.around(AwsRequest(self._client, operation, arguments))


class Mortal:
    """Dies before or after write number `at` (never without one); `writes` counts them.

    Writes follow each other, so that none is under way when the worker dies. Then nothing of it asks any more.
    """

    def __init__(self, at: int | None = None, *, after: bool = True, within: Hazard | None = None) -> None:
        self.writes = 0
        self._at = at
        self._after = after
        self._within = within or Calm()
        self._dead = threading.Event()
        self._one = threading.Lock()

    def around(self, request: Request) -> Any:
        if not request.writes:
            self._live()
            return self._within.around(request)
        with self._one:
            self._live()
            self.writes += 1
            last = self._at is not None and self.writes >= self._at
            if last:
                self._dead.set()
            answer = self._answer(request, last) if self._after or not last else None
            self._live()
            return answer

    def _answer(self, request: Request, last: bool) -> Any:
        """A failure that a dead worker would hear of is heard by nobody."""
        try:
            return self._within.around(request)
        except Exception:
            if not last:
                raise
        return None

    def _live(self) -> None:
        if self._dead.is_set():
            raise WorkerKilled


class Pause:
    """Stops before write number `at`, with all threads, until it is let go on."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._writes = 0
        self._under_way = 0
        self._change = threading.Condition()
        self._over = False

    def around(self, request: Request) -> Any:
        if not request.writes:
            return request.made()
        with self._change:
            self._writes += 1
            self._change.notify_all()
            if self._writes >= self._at and not self._change.wait_for(lambda: self._over, timeout=60):
                raise WorkerKilled
            self._under_way += 1
        try:
            return request.made()
        finally:
            with self._change:
                self._under_way -= 1
                self._change.notify_all()

    def stopped(self, seconds: int) -> bool:
        """Wait until it stands still: no write of it is under way."""
        with self._change:
            return self._change.wait_for(lambda: self._writes >= self._at and not self._under_way, timeout=seconds)

    def resume(self) -> None:
        with self._change:
            self._over = True
            self._change.notify_all()


class Weather:
    """Failures of a busy DynamoDB, by a seeded die: about one request in `one_in` meets one; `struck` counts them.

    Transactions that collide or are throttled, replies that are lost after the write, which the client then sends
    again or reports as a failure, reads of which a part is left unprocessed, and requests that are throttled.
    """

    def __init__(self, random: Random, one_in: int = 6) -> None:
        self._random = random
        self._one_in = one_in
        self._one = threading.Lock()
        self.struck = 0

    def around(self, request: Request) -> Any:
        kinds = _KINDS.get(request.operation, ())
        with self._one:
            strikes = kinds and not self._random.randrange(self._one_in)
            kind = self._random.choice(kinds) if strikes else None
            dice = Random(self._random.random())  # noqa: S311 (a plan of failures, no secret)
            self.struck += kind is not None
        if kind is None or not isinstance(request, AwsRequest):
            return request.made()
        return _strike(kind, request, dice)


_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "transact_write_items": ("collide", "collide", "throttle", "lose", "repeat", "repeat"),
    "update_item": ("collide", "lose", "repeat", "repeat"),
    "put_item": ("collide", "lose", "repeat", "repeat"),
    "batch_get_item": ("leave", "leave", "leave all", "refuse"),
    "get_item": ("refuse", "repeat"),
    "query": ("refuse", "repeat"),
}


def _strike(kind: str, request: AwsRequest, dice: Random) -> Any:
    match kind:
        case "collide" if request.operation == "transact_write_items":
            raise _cancelled(request, "TransactionConflict", dice)
        case "collide":
            raise _error(request, "TransactionConflictException")
        case "throttle":
            raise _cancelled(request, dice.choice(("ThrottlingError", "ProvisionedThroughputExceeded")), dice)
        case "refuse":
            raise _error(request, "ProvisionedThroughputExceededException")
        case "lose":
            # the write is made, and its caller is told that the service failed
            request.made()
            raise _error(request, "InternalServerError", status=500)
        case "repeat":
            # the reply is lost, and the client sends the request again
            request.made()
            return request.made()
    return _unprocessed(request, dice, all_of_them=kind == "leave all")


def _unprocessed(request: AwsRequest, dice: Random, *, all_of_them: bool) -> Any:
    """Read some keys, or none, and hand the others back."""
    [(table, reads)] = request.arguments["RequestItems"].items()
    keys = list(reads["Keys"])
    dice.shuffle(keys)
    middle = 0 if all_of_them else len(keys) // 2
    answer: dict[str, Any] = {"Responses": {table: []}}
    if middle:
        part = {**request.arguments, "RequestItems": {table: {**reads, "Keys": keys[:middle]}}}
        answer = dict(replace(request, arguments=part).made())
    left = [*keys[middle:], *answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", ())]
    return {**answer, "UnprocessedKeys": {table: {**reads, "Keys": left}}}


def _cancelled(request: AwsRequest, code: str, dice: Random) -> Exception:
    """A transaction is cancelled for one of its writes; the others would have been made."""
    reasons = [{"Code": "None"} for _ in request.arguments["TransactItems"]]
    reasons[dice.randrange(len(reasons))] = {"Code": code}
    return _error(request, "TransactionCanceledException", CancellationReasons=reasons)


def _error(request: AwsRequest, code: str, *, status: int = 400, **more: Any) -> Exception:
    response = {
        "Error": {"Code": code, "Message": "injected"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **more,
    }
    error: Exception = getattr(request.client.exceptions, code)(response, request.operation)
    return error

"""Requests to DynamoDB: transactions with their reasons, conditional writes, whole reads, and patience.

boto3 repeats what is throttled; here is what it does not: writes that collide, keys that were left unprocessed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from batch_platform.core.aws_failures import aws_failures
from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.core.messages import Message
from batch_platform.core.objects import Backoff

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Any]
"""An item, or its key, as DynamoDB writes it: each value with its type."""

REFUSED: Final = "ConditionalCheckFailed"
CONFLICT: Final = "TransactionConflict"
PASSING: Final = frozenset(
    {CONFLICT, "ThrottlingError", "ProvisionedThroughputExceeded", "TransactionInProgressException"}
)
PATIENCE: Final = Backoff(attempts=10, base=0.05, longest=5.0)
THREADS: Final = 4
PAGE: Final = 5_000
"""Items a page: with ledger rows about the 1 MB at which DynamoDB ends one. Without a limit the emulator reads, for
each page, all that follows it; for a page of a segment even the whole table, so nothing is read in segments."""
_READS: Final = 100  # DynamoDB's limit of a batch

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one write of a transaction was not made (`None` when it would have been), and what is there instead."""

    code: str
    item: Item | None


class Requests:
    """One client; its failures come as `core.failures`."""

    def __init__(self, dynamodb: DynamoDBClient, patience: Backoff = PATIENCE) -> None:
        self.client = dynamodb
        self.patience = patience

    def transact(self, writes: Sequence[Any], where: str) -> list[Reason]:
        """All writes or none: why it was cancelled, write by write; empty when everything is written.

        Raises `PermanentFailure` for a reason that waiting and looking again do not mend.
        """
        with aws_failures(where):
            try:
                self.client.transact_write_items(TransactItems=writes)
            except self.client.exceptions.TransactionCanceledException as error:
                return _reasons(error, len(writes), where)
        return []

    def update(self, where: str, **request: Any) -> tuple[bool, Item | None]:
        """A conditional update: whether it was made, and the item after it, or the one that refused it."""
        return self._conditional(
            where, lambda: self.client.update_item(ReturnValues="ALL_NEW", **_explained(request))
        )

    def put(self, where: str, **request: Any) -> bool:
        """A conditional put: whether it was made."""
        made, _ = self._conditional(where, lambda: self.client.put_item(**_explained(request)))
        return made

    def _conditional(self, where: str, write: Callable[[], Any]) -> tuple[bool, Item | None]:
        """A single write, again while a transaction is at work on its item: boto3 does not repeat that."""
        failures = 0
        while True:
            with aws_failures(where):
                try:
                    return True, write().get("Attributes")
                except self.client.exceptions.ConditionalCheckFailedException as error:
                    response: Any = error.response
                    return False, response.get("Item")
                except self.client.exceptions.TransactionConflictException:
                    pass
            failures = self.again(failures, collide(where))

    def get(self, table: str, key: Item, where: str) -> Item | None:
        """The item as it is now."""
        with aws_failures(where):
            return self.client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")

    def get_many(self, table: str, keys: Sequence[Item]) -> list[Item]:
        """Items by key as they are now, in no order; what DynamoDB leaves unprocessed is asked for again."""
        parts = [keys[first : first + _READS] for first in range(0, len(keys), _READS)]
        if len(parts) == 1:
            return self._read(table, parts[0])
        return [item for part in in_threads(lambda part: self._read(table, part), parts) for item in part]

    def _read(self, table: str, keys: Sequence[Item]) -> list[Item]:
        items: list[Item] = []
        left: Any = {table: {"Keys": list(keys), "ConsistentRead": True}}
        failures = 0
        while left and left[table]["Keys"]:
            with aws_failures(f"table {table}"):
                answer = self.client.batch_get_item(RequestItems=left)
            read = answer["Responses"].get(table, [])
            items += read
            left = answer.get("UnprocessedKeys")
            if left and not read:
                failures = self.again(
                    failures, Message("reads-throttled", "table {table}: reads are throttled", table=table)
                )
        return items

    def pages(self, operation: str, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """Every page of a `query` or `scan`."""
        place: Item | None = None
        while True:
            page = self.page(operation, {"Limit": PAGE, **request}, place)
            yield page
            place = page.get("LastEvaluatedKey")
            if not place:
                return

    def page(self, operation: str, request: Mapping[str, Any], place: Item | None = None) -> Mapping[str, Any]:
        """One page of a `query` or `scan`; `place` is the `LastEvaluatedKey` of the page before."""
        ask: Callable[..., Any] = getattr(self.client, operation)
        where = f"index {request['IndexName']} of " if "IndexName" in request else ""
        with aws_failures(f"{where}table {request['TableName']}"):
            answer: Mapping[str, Any] = ask(**request, **({"ExclusiveStartKey": place} if place else {}))
        return answer

    def items(self, operation: str, request: Mapping[str, Any]) -> Iterator[Item]:
        """Every item of a `query` or `scan`."""
        for page in self.pages(operation, request):
            yield from page["Items"]

    def again(self, failures: int, why: Message) -> int:
        """Wait before another attempt and count it. Raises `TransientFailure` when none is left."""
        if failures + 1 >= self.patience.attempts:
            raise TransientFailure(
                "attempts-used", "{reason}, also after {count} attempts", reason=why, count=failures + 1
            )
        self.patience.wait(failures)
        return failures + 1


def collide(where: str) -> Message:
    """Why a write is tried again."""
    return Message("writes-collide", "{where}: writes collide or are throttled", where=where)


def changed(before: Item, after: Item) -> set[str]:
    """The attributes in which two items differ."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def update_of(table: str, key: Item, before: Item, after: Item, *, guarded: Collection[str]) -> dict[str, Any]:
    """The update that makes `after` of `before`, on condition that the `guarded` attributes are as they were before.

    The names of attributes are letters, digits and underscores; at least one is guarded, and something differs.
    """
    names = sorted(changed(before, after))
    written = [name for name in names if name in after]
    removed = [name for name in names if name not in after]
    sets = ", ".join(f"#{name} = :new_{name}" for name in written)
    removes = ", ".join(f"#{name}" for name in removed)
    steps = (f"SET {sets}" if sets else "", f"REMOVE {removes}" if removes else "")
    values = {f":new_{name}": after[name] for name in written}
    values |= {f":old_{name}": before[name] for name in guarded if name in before}
    return {
        "TableName": table,
        "Key": key,
        "UpdateExpression": " ".join(step for step in steps if step),
        "ConditionExpression": " AND ".join(
            f"#{name} = :old_{name}" if name in before else f"attribute_not_exists(#{name})"
            for name in sorted(guarded)
        ),
        "ExpressionAttributeNames": {f"#{name}": name for name in {*guarded, *names}},
        **({"ExpressionAttributeValues": values} if values else {}),
    }


def in_threads(work: Callable[[T], R], parts: Sequence[T]) -> list[R]:
    """The results of all parts, in their order."""
    if len(parts) < 2:
        return [work(part) for part in parts]
    with ThreadPoolExecutor(min(THREADS, len(parts)), thread_name_prefix="dynamodb") as pool:
        return list(pool.map(work, parts))


def _explained(request: Mapping[str, Any]) -> dict[str, Any]:
    return {**request, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def _reasons(error: Any, count: int, where: str) -> list[Reason]:
    given = error.response.get("CancellationReasons", ())
    reasons = [Reason(str(reason.get("Code", "None")), reason.get("Item")) for reason in given]
    if len(reasons) != count:
        raise PermanentFailure(
            "dynamodb-gives-no-reason", "{where}: DynamoDB cancelled a transaction without saying why", where=where
        )
    if strange := {reason.code for reason in reasons} - PASSING - {"None", REFUSED}:
        raise PermanentFailure(
            "dynamodb-refuses-write", "{where}: DynamoDB refuses a write: {codes}", where=where, codes=sorted(strange)
        )
    return reasons

"""Batches: created once and one at a time, moved by conditional update, worked on by whoever holds the lease.

Beside the batches the table has a lock item, which names the open batch of a type, and an item for each idempotency
key. An index is a hint: whatever it names is read again by its key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from batch_platform.btc.items import Item, batch_item, batch_key, to_batch
from batch_platform.btc.model import OPERATION_TYPE, REVERSIBLE, Approval, Batch, BatchStatus, check
from batch_platform.btc.store.names import STATUS_INDEX, TYPE_INDEX, Tables
from batch_platform.core import cursors
from batch_platform.core.dynamodb import REFUSED, Requests, changed, collide, update_of
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.core.leases import is_held
from batch_platform.core.workers import is_dead

KEY_DAYS: Final = 7
LEASE: Final = timedelta(seconds=60)
_PAGE: Final = 100
_LONGEST_ID: Final = 100  # DynamoDB refuses keys of more than 2,048 bytes


class Changed(Conflict):
    """Somebody has changed the batch since it was read."""


class LeaseLost(Changed):
    """Another worker has taken the batch over: stop here; what is done stays done."""


class LeaseHeld(Conflict):
    """Another worker that is not known to be dead has the batch."""


@dataclass(frozen=True)
class IdempotencyKey:
    """`key_hash` names the key and who sent it, `body_hash` what was asked for with it."""

    key_hash: str
    body_hash: str


@dataclass(frozen=True)
class BatchPage:
    """Some batches, the newest first; the cursor of the next ones, if there are any."""

    batches: tuple[Batch, ...]
    cursor: str | None


class Batches:
    """Reads and moves `batch-operations`."""

    def __init__(self, requests: Requests, tables: Tables) -> None:
        self._requests = requests
        self._table = tables.batches

    # new ones

    def create(self, batch: Batch, *, key: IdempotencyKey | None = None) -> Batch:
        """Store a pending batch, the lock of its type and the idempotency key, all or none; the batch as it stands.

        The batch of an earlier call with the same key and body is returned instead. Raises `InvalidInput` for the
        key with another body, and `Conflict` while another batch is open, or when what it reverses cannot be.
        """
        writes = [self._put(batch_item(batch)), self._put(_lock(batch))]
        if key is not None:
            writes.append(self._put_key(batch, key))
        if batch.reverses is not None:
            writes.append(self._mark_reversed(batch.reverses, batch.batch_id))
        failures = 0
        while reasons := self._requests.transact(writes, f"batch {batch.batch_id}"):
            if REFUSED in {reason.code for reason in reasons}:
                made = self._known(batch, key)
                if made is not None:
                    return made
            failures = self._requests.again(failures, collide(f"batch {batch.batch_id}"))
        return batch

    def _known(self, batch: Batch, key: IdempotencyKey | None) -> Batch | None:
        """The batch that stands for this one already, or why there can be none; None when that has just passed."""
        known = self.with_key(key, batch.created_at) if key else None
        if known is not None:
            return known
        mine = self._item(batch.batch_id)
        if mine is not None:
            return to_batch(mine)  # the reply had been lost, not the write
        if batch.reverses is not None:
            self.get(batch.reverses).require_reversible()
        open_id = self.open_batch_id(batch.operation_type)
        if open_id is not None:
            raise Conflict(
                "batch-is-open", "batch {batch} is open: finish or cancel it first", batch=open_id, field="batch_id"
            )
        return None

    def with_key(self, key: IdempotencyKey, now: datetime) -> Batch | None:
        """The batch created with this key within `KEY_DAYS`. Raises `InvalidInput` when its body was another."""
        item = self._item(_key_id(key))
        if item is None or int(item["ttl"]["N"]) <= now.timestamp():
            return None
        if item["body_hash"]["S"] != key.body_hash:
            raise InvalidInput(
                "batch-key-reused", "this Idempotency-Key was used with another body", field="Idempotency-Key"
            )
        return self.get(item["open_batch_id"]["S"])

    def open_batch_id(self, operation_type: str = OPERATION_TYPE) -> str | None:
        """The batch that keeps others of its type from starting."""
        item = self._item(_lock_id(operation_type))
        return None if item is None else str(item["open_batch_id"]["S"])

    # reading

    def get(self, batch_id: str) -> Batch:
        """The batch as it is now. Raises `NotFound`."""
        item = self._item(batch_id) if len(batch_id) <= _LONGEST_ID else None
        if item is None or "status" not in item:
            raise NotFound("unknown-batch", "there is no batch {batch}", batch=batch_id, field="batch_id")
        return to_batch(item)

    def many(self, ids: Collection[str]) -> dict[str, Batch]:
        """Batches by id, those that are there."""
        items = self._requests.get_many(self._table, [batch_key(batch_id) for batch_id in ids]) if ids else []
        return {item["batch_id"]["S"]: to_batch(item) for item in items}

    def page(
        self, *, status: BatchStatus | None = None, limit: int, cursor: str | None = None, offset: int = 0
    ) -> BatchPage:
        """Batches of a status, or all, the newest first. One that changed an instant ago may be missing."""
        place = _place(cursor, status) if cursor is not None else self._skip(status, offset)
        rows: list[Batch] = []
        if offset and place is None:
            return BatchPage((), None)
        while True:
            page = self._requests.page("query", {**_listed(self._table, status), "Limit": limit - len(rows)}, place)
            rows += self._as_they_are(page["Items"], status)
            place = page.get("LastEvaluatedKey")
            if not place:
                return BatchPage(tuple(rows), None)
            if len(rows) >= limit:
                last = {name: place[name]["S"] for name in ("created_at", "batch_id")}
                return BatchPage(tuple(rows), cursors.encode({"status": str(status or ""), **last}))

    def each(self, status: BatchStatus) -> Iterator[Batch]:
        """Every batch of a status, the newest first."""
        cursor: str | None = None
        while True:
            page = self.page(status=status, limit=_PAGE, cursor=cursor)
            yield from page.batches
            cursor = page.cursor
            if cursor is None:
                return

    def count(self, status: BatchStatus | None = None) -> int:
        """How many batches a list has over all its pages."""
        request = {**_listed(self._table, status), "Select": "COUNT"}
        del request["ProjectionExpression"]
        return sum(page["Count"] for page in self._requests.pages("query", request))

    def _skip(self, status: BatchStatus | None, offset: int) -> Any:
        """Where a list goes on after `offset` batches; None when it has no more, and for no offset."""
        place: Any = None
        while offset > 0:
            page = self._requests.page("query", {**_listed(self._table, status), "Limit": offset}, place)
            offset -= len(page["Items"])
            place = page.get("LastEvaluatedKey")
            if not place:
                return None
        return place

    def _as_they_are(self, hints: list[Item], status: BatchStatus | None) -> list[Batch]:
        ids = [hint["batch_id"]["S"] for hint in hints]
        there = self.many(ids)
        return [there[batch_id] for batch_id in ids if batch_id in there and status in (None, there[batch_id].status)]

    # moving

    def move(self, batch: Batch, to: BatchStatus, **fields: Any) -> Batch:
        """Move a batch, as it was read, to another status; the batch as it is then.

        A batch that is not open any more gives its lock, its lease and, when it is a cancelled reversal, its target
        free in the same transaction. Raises `Conflict` when the state machine has no such step or somebody else has
        changed it meanwhile, `LeaseLost` when that took the lease of whoever works on it.
        """
        check(batch.status, to)
        after = replace(batch, status=to, **fields)
        if after.is_open:
            return self._replace(batch, after)
        after = replace(after, lease_owner=None, lease_expires_at=None)
        writes: list[Any] = [{"Update": self._changes(batch, after)}, {"Delete": self._unlock(batch)}]
        if batch.reverses is not None and to in (BatchStatus.CANCELLED, BatchStatus.FAILED):
            writes.append(self._mark_not_reversed(batch.reverses, batch.batch_id))
        failures = 0
        while reasons := self._requests.transact(writes, f"batch {batch.batch_id}"):
            if REFUSED in {reason.code for reason in reasons}:
                if self.get(batch.batch_id) == after:
                    break  # the reply had been lost, not the write
                raise self._lost(batch)
            failures = self._requests.again(failures, collide(f"batch {batch.batch_id}"))
        return after

    def amend(self, batch: Batch, **fields: Any) -> Batch:
        """Change fields of a batch, as it was read, that keeps its status; else as `move`."""
        return self._replace(batch, replace(batch, **fields))

    def approve(self, batch: Batch, approval: Approval) -> Batch:
        """Add an approval to a planned batch as it was read: the seal must be the one that was approved."""
        if batch.status is not BatchStatus.PLANNED:
            raise Conflict(
                "batch-not-planned",
                "batch {batch} is {status}, not planned",
                batch=batch.batch_id,
                status=batch.status.word,
                field="status",
            )
        return self._replace(batch, replace(batch, approvals=(*batch.approvals, approval)))

    # the lease

    def acquire(self, batch: Batch, owner: str, *, now: datetime, lasts: timedelta = LEASE) -> Batch:
        """Take the lease of a planned, processing or failed batch: it is processing then, its fencing number one up.

        Of a dead worker it is taken with all that was saved since the batch was read. Raises `LeaseHeld` while
        another worker holds it that is not known to be dead, `Changed` when it is not as it was read, and `Conflict`
        for another status.
        """
        if batch.status is not BatchStatus.PROCESSING:
            check(batch.status, BatchStatus.PROCESSING)
        if not batch.is_open:
            raise Conflict(
                "batch-failed-before-seal",
                "batch {batch} failed before it was sealed: create another",
                batch=batch.batch_id,
                field="batch_id",
            )
        until, holder = batch.lease_expires_at, batch.lease_owner
        dead = holder is not None and is_dead(holder)
        if holder != owner and is_held(holder, until, now):
            raise LeaseHeld(
                "batch-held",
                "batch {batch} is worked on by {holder} until {until}",
                batch=batch.batch_id,
                holder=str(holder),
                until=f"{until:%Y-%m-%dT%H:%M:%SZ}",
                field="batch_id",
            )
        after = replace(
            batch,
            status=BatchStatus.PROCESSING,
            started_at=batch.started_at or now,
            error_message=None,
            lease_owner=owner,
            lease_expires_at=now + lasts,
            fencing=batch.fencing + 1,
        )
        # the dead renew nothing: whenever their lease was to end, it is theirs no longer
        changes = self._changes(batch, after, anyway={"lease_expires_at"} if dead else set())
        _, item = self._requests.update(f"batch {batch.batch_id}", **changes)
        taken = None if item is None else to_batch(item)
        if taken and (taken.fencing, taken.lease_owner) == (after.fencing, owner):
            return taken  # also when the reply had been lost and the write was found
        raise self._lost(batch)

    def renew(self, batch: Batch, *, now: datetime, lasts: timedelta = LEASE, **progress: Any) -> Batch:
        """Keep the lease and save progress. Raises `LeaseLost` when another worker has taken the batch over."""
        return self._replace(batch, replace(batch, lease_expires_at=now + lasts, **progress))

    def release(self, batch: Batch, **progress: Any) -> Batch:
        """Give the lease back; the batch stays as it is for the next worker. Raises `LeaseLost`."""
        return self._replace(batch, replace(batch, lease_owner=None, lease_expires_at=None, **progress))

    # requests

    def _replace(self, before: Batch, after: Batch) -> Batch:
        where = f"batch {before.batch_id}"
        if before == after:
            return after
        made, item = self._requests.update(where, **self._changes(before, after))
        if made or (item is not None and to_batch(item) == after):
            return after  # also when the reply had been lost and the write was found
        raise self._lost(before)

    def _lost(self, before: Batch) -> Conflict:
        now = self.get(before.batch_id)
        if now.fencing != before.fencing or now.lease_owner != before.lease_owner:
            return LeaseLost(
                "batch-taken-over", "batch {batch} was taken over meanwhile", batch=before.batch_id, field="batch_id"
            )
        return Changed(
            "batch-changed",
            "batch {batch} was changed meanwhile: look at it again",
            batch=before.batch_id,
            field="batch_id",
        )

    def _changes(self, before: Batch, after: Batch, *, anyway: Set[str] = frozenset()) -> dict[str, Any]:
        """What differs between two items, on condition that the status, the fencing number, whoever holds the lease
        and all that is to change, but for what changes `anyway`, are still as they were."""
        old, new = batch_item(before), batch_item(after)
        guarded = {*changed(old, new), "status", "fencing", "lease_owner"} - anyway
        return update_of(self._table, batch_key(before.batch_id), old, new, guarded=guarded)

    def _item(self, batch_id: str) -> Item | None:
        return self._requests.get(self._table, batch_key(batch_id), f"batch {batch_id}")

    def _put(self, item: Item) -> dict[str, Any]:
        condition = "attribute_not_exists(batch_id)"
        return {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": condition}}

    def _put_key(self, batch: Batch, key: IdempotencyKey) -> dict[str, Any]:
        """DynamoDB deletes what has passed its `ttl` within days, not at the moment."""
        lasts = batch.created_at + timedelta(days=KEY_DAYS)
        item = {
            **batch_key(_key_id(key)),
            "open_batch_id": {"S": batch.batch_id},
            "body_hash": {"S": key.body_hash},
            "ttl": {"N": str(int(lasts.timestamp()))},
        }
        put = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": "attribute_not_exists(batch_id) OR #ttl <= :now",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {":now": {"N": str(int(batch.created_at.timestamp()))}},
        }
        return {"Put": put}

    def _unlock(self, batch: Batch) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": batch_key(_lock_id(batch.operation_type)),
            "ConditionExpression": "open_batch_id = :batch",
            "ExpressionAttributeValues": {":batch": {"S": batch.batch_id}},
        }

    def _mark_reversed(self, batch_id: str, by: str) -> dict[str, Any]:
        ends = {f":status{number}": {"S": str(status)} for number, status in enumerate(sorted(REVERSIBLE))}
        return {
            "Update": {
                "TableName": self._table,
                "Key": batch_key(batch_id),
                "UpdateExpression": "SET reversed_by = :by",
                "ConditionExpression": "attribute_not_exists(reversed_by) AND attribute_not_exists(reverses) "
                f"AND #status IN ({', '.join(ends)})",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": {":by": {"S": by}, **ends},
            }
        }

    def _mark_not_reversed(self, batch_id: str, by: str) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._table,
                "Key": batch_key(batch_id),
                "UpdateExpression": "REMOVE reversed_by",
                "ConditionExpression": "reversed_by = :by",
                "ExpressionAttributeValues": {":by": {"S": by}},
            }
        }


def _lock(batch: Batch) -> dict[str, Any]:
    return {**batch_key(_lock_id(batch.operation_type)), "open_batch_id": {"S": batch.batch_id}}


def _lock_id(operation_type: str) -> str:
    return f"lock#{operation_type}"


def _key_id(key: IdempotencyKey) -> str:
    return f"key#{key.key_hash}"


def _listed(table: str, status: BatchStatus | None) -> dict[str, Any]:
    """A list's index and its order; locks and keys have no attribute of an index, so none shows them."""
    name, value = ("operation_type", OPERATION_TYPE) if status is None else ("status", str(status))
    return {
        "TableName": table,
        "IndexName": TYPE_INDEX if status is None else STATUS_INDEX,
        "KeyConditionExpression": "#part = :part",
        "ProjectionExpression": "batch_id",
        "ExpressionAttributeNames": {"#part": name},
        "ExpressionAttributeValues": {":part": {"S": value}},
        "ScanIndexForward": False,
    }


def _place(cursor: str, status: BatchStatus | None) -> Mapping[str, Any]:
    place = cursors.decode(cursor, status=str, created_at=str, batch_id=str)
    if place.pop("status") != str(status or ""):
        raise cursors.foreign()
    name, value = ("operation_type", OPERATION_TYPE) if status is None else ("status", str(status))
    return {**{key: {"S": text} for key, text in place.items()}, name: {"S": value}}

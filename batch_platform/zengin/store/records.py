"""The records in DynamoDB, with what is too big for an item in S3. The item decides the state of a record.

Every write is conditional, so that a repeated one changes nothing and a late one loses. Bytes go to S3 before the
item that names them. The index by status is a hint: whatever it names is read again by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from batch_platform.core import cursors
from batch_platform.core.dynamodb import PATIENCE, REFUSED, Item, Requests, collide, in_threads, update_of
from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.core.objects import Backoff
from batch_platform.zengin.messages import changed_record
from batch_platform.zengin.model import TERMINAL, DiffType, Limits, Record, Status, check
from batch_platform.zengin.records import from_item, item_size, timestamp_text, to_item
from batch_platform.zengin.store.payloads import Payloads

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

Key = tuple[str, datetime]
"""Id and timestamp of a record."""
Fields = Mapping[str, Any]
"""Fields of a record to replace, by the name `Record` has for them."""

INDEX: Final = "StatusIndex"
_WRITES: Final = 100  # DynamoDB's limit of a transaction
_WRITE_BYTES: Final = 3 * 1024 * 1024  # of the 4 MB of a transaction, names and expressions aside
_PAGE: Final = 100


@dataclass(frozen=True)
class _Write:
    """One conditional write, and the item as it is meant to stand afterwards."""

    request: Any
    item: Mapping[str, Any]
    size: int


@dataclass(frozen=True)
class Moved:
    """What became of records that were to move: those that did, as they are now, and the ids of those that had been
    moved by somebody else."""

    records: tuple[Record, ...]
    lost: tuple[str, ...]


class RecordStore:
    """Reads and moves the records of one environment. Failures of AWS come as `core.failures`."""

    def __init__(
        self,
        dynamodb: DynamoDBClient,
        table: str,
        s3: S3Client,
        bucket: str,
        *,
        limits: Limits | None = None,
        patience: Backoff = PATIENCE,
    ) -> None:
        self._requests = Requests(dynamodb, patience)
        self._table = table
        self._limits = limits or Limits()
        self._payloads = Payloads(s3, bucket, patience)

    # new ones

    def put_new(self, records: Iterable[Record]) -> int:
        """Store records that are not there yet; how many were new, as far as the replies tell.

        One that is there already stays as it is, whatever state it has reached. What does not fit into an item goes
        to S3 first. Raises `PermanentFailure` when another proposal has the id.
        """
        writes = [self._put(record) for record in {record.id: record for record in records}.values()]
        known = self._write(writes)
        for write, item in known:
            ours = from_item(write.item)
            if item is None or from_item(item).fingerprint != ours.fingerprint:
                raise PermanentFailure(
                    "record-is-another-proposal", "record {record} is another proposal already", record=ours.id
                )
        return len(writes) - len(known)

    def put_bulk(self, record: Record, rows: pl.DataFrame) -> Record:
        """Store a `bulk_update` record whose rows (any columns) go to S3; the record as it stands."""
        payload = rows.write_json().encode()
        placed = self._payloads.place(record, payload)
        self.put_new([placed])
        return self.get(record.id)

    def rows(self, record: Record, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """The rows of a bulk record. Raises `PermanentFailure` when they are not those that were stored."""
        return pl.read_json(self._payloads.read(record), schema=dict(schema))

    # reading

    def get(self, record_id: str) -> Record:
        """The record as it is now. Raises `NotFound`."""
        request = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "id = :id",
            "ExpressionAttributeValues": {":id": {"S": record_id}},
        }
        items = self._requests.page("query", request)["Items"]
        if not items:
            raise NotFound("unknown-record", "there is no record {record}", record=record_id, field="id")
        return self._whole(items[0])

    def get_many(self, keys: Iterable[Key]) -> list[Record]:
        """The records of these keys as they are now, in this order; those that are there."""
        moments = dict(keys)
        items = self._items(
            [{"id": {"S": key}, "timestamp": {"S": timestamp_text(at)}} for key, at in moments.items()]
        )
        return [self._whole(items[key]) for key in moments if key in items]

    def by_status(
        self,
        status: Status,
        *,
        now: datetime,
        limit: int,
        cursor: str | None = None,
        before: datetime | None = None,
    ) -> tuple[list[Record], str | None]:
        """Records that are in a status now, the newest first, and the cursor of the next page, if there is one.

        `before` leaves out records of this moment and later. A record that moved an instant ago may be missing, as
        the index lags; one that is given is in that status and has not passed its `ttl`.
        """
        records: list[Record] = []
        place: Any = None
        if last := cursors.decode(cursor, id=str, timestamp=str):
            place = {**{name: {"S": text} for name, text in last.items()}, "status": {"S": str(status)}}
        while True:
            keys, place = self._hints(status, before, place, limit - len(records))
            there = (record for record in self.get_many(keys) if record.status is status)
            records += [record for record in there if record.ttl is None or record.ttl > now.timestamp()]
            if place is None:
                return records, None
            if len(records) >= limit:
                return records, cursors.encode({name: place[name]["S"] for name in ("id", "timestamp")})

    def all_by_status(self, status: Status, *, now: datetime, before: datetime | None = None) -> Iterator[Record]:
        """Every record of `by_status`, page after page."""
        cursor: str | None = None
        while True:
            page, cursor = self.by_status(status, now=now, limit=_PAGE, cursor=cursor, before=before)
            yield from page
            if cursor is None:
                return

    def lapsed(self, *, now: datetime) -> Iterator[Record]:
        """Records whose apply has not ended before its lease did: their worker is dead or hopelessly late."""
        for record in self.all_by_status(Status.EXECUTING, now=now):
            if record.lease_until is None or record.lease_until < now:
                yield record

    # moving

    def move(self, record: Record, to: Status, *, now: datetime, **fields: Any) -> Record:
        """Move a record, as it was read, to another status; the record as it is then, one version on.

        Raises `Conflict` when the state machine has no such step, or somebody else has moved it meanwhile. Writing
        the same move again is no conflict: a reply that is lost does not make the move fail.
        """
        moved = self.move_many([record], to, now=now, fields=fields)
        if moved.lost:
            raise changed_record(record.id)
        return moved.records[0]

    def move_many(
        self,
        records: Sequence[Record],
        to: Status,
        *,
        now: datetime,
        fields: Fields | Callable[[Record], Fields] | None = None,
    ) -> Moved:
        """Move many records, each by its own condition; `fields` are the same for all, or made for each.

        Two workers that race must differ in a field, such as the name of the owner in `metadata`, for one of them to
        lose. Raises `Conflict` before anything moves when the state machine has no such step.
        """
        for record in records:
            check(record.status, to)
        return self._replace_all(
            [(record, self._after(record, to, now, _fields(fields, record))) for record in records]
        )

    def amend_many(
        self, records: Sequence[Record], *, now: datetime, fields: Fields | Callable[[Record], Fields]
    ) -> Moved:
        """Change fields of records that keep their status, like the first of two approvals; else as `move_many`."""
        return self._replace_all(
            [(record, self._after(record, record.status, now, _fields(fields, record))) for record in records]
        )

    def _replace_all(self, pairs: Sequence[tuple[Record, Record]]) -> Moved:
        refused = {write.item["id"]["S"]: item for write, item in self._write([self._update(*p) for p in pairs])}
        # what is there is what was to be written: the reply had been lost, not the write
        lost = {after.id for _, after in pairs if after.id in refused and refused[after.id] != self._item(after)}
        return Moved(
            tuple(after for _, after in pairs if after.id not in lost),
            tuple(after.id for _, after in pairs if after.id in lost),
        )

    def _after(self, record: Record, to: Status, now: datetime, changes: Fields) -> Record:
        after = replace(record, **{**changes, "status": to, "version": record.version + 1, "updated_at": now})
        if to in TERMINAL:
            end = now + timedelta(days=self._limits.ttl_days)
            after = replace(after, ttl=int(end.timestamp()))
        if after.error and len(after.error.encode()) > self._limits.error_bytes:
            after = self._payloads.shorten_error(after, self._limits.error_bytes)
        return self._fitting(after)

    # items

    def _fitting(self, record: Record) -> Record:
        """The record with its payload in S3, if it is too big for an item."""
        if item_size(self._item(record)) <= self._limits.inline_bytes:
            return record
        return self._payloads.spill(record)

    def _item(self, record: Record) -> dict[str, Any]:
        """The item of a record; what lies in S3 does not stand in it too."""
        return dict(to_item(self._payloads.bare(record)))

    def _whole(self, item: Mapping[str, Any]) -> Record:
        record = from_item(item)
        spilled = record.data_location is not None and record.diff_type != DiffType.BULK_UPDATE
        return self._payloads.fill(record) if spilled else record

    def _put(self, record: Record) -> _Write:
        item = self._item(self._fitting(record))
        put = {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(id)"}
        return _Write({"Put": put}, item, item_size(item))

    def _update(self, before: Record, after: Record) -> _Write:
        """What differs between two items, on condition that the first is still there."""
        old, new = self._item(before), self._item(after)
        key = {"id": new["id"], "timestamp": new["timestamp"]}
        update = update_of(self._table, key, old, new, guarded=("status", "version"))
        return _Write({"Update": update}, new, item_size(new))

    # requests

    def _write(self, writes: Sequence[_Write]) -> list[tuple[_Write, Mapping[str, Any] | None]]:
        """Write in transactions; what was refused by its condition, with the item that is there instead."""
        refused = [write for part in in_threads(self._transact, list(_parts(writes))) for write in part]
        there = self._items([{"id": write.item["id"], "timestamp": write.item["timestamp"]} for write in refused])
        return [(write, there.get(write.item["id"]["S"])) for write in refused]

    def _transact(self, writes: Sequence[_Write]) -> list[_Write]:
        """One transaction, again without those whose condition failed, until the rest is written."""
        refused: list[_Write] = []
        left = list(writes)
        failures = 0
        where = f"table {self._table}"
        while left and (reasons := self._requests.transact([write.request for write in left], where)):
            pairs = [(write, reason.code == REFUSED) for write, reason in zip(left, reasons, strict=True)]
            if not any(is_refused for _, is_refused in pairs):
                failures = self._requests.again(
                    failures,
                    collide(where),
                )
            refused += [write for write, is_refused in pairs if is_refused]
            left = [write for write, is_refused in pairs if not is_refused]
        return refused

    def _items(self, keys: Sequence[Item]) -> dict[str, Item]:
        """Items by id as they are now, those that are there."""
        return {item["id"]["S"]: item for item in self._requests.get_many(self._table, keys)}

    def _hints(self, status: Status, before: datetime | None, place: Any, limit: int) -> tuple[list[Key], Any]:
        """A page of keys that the index has under a status."""
        values: dict[str, Any] = {":status": {"S": str(status)}}
        condition = "#status = :status"
        if before is not None:
            values[":before"] = {"S": timestamp_text(before)}
            condition += " AND #timestamp < :before"
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": INDEX,
            "KeyConditionExpression": condition,
            "ProjectionExpression": "id, #timestamp",
            "ExpressionAttributeNames": {"#status": "status", "#timestamp": "timestamp"},
            "ExpressionAttributeValues": values,
            "ScanIndexForward": False,
            "Limit": limit,
        }
        page = self._requests.page("query", request, place)
        keys = [(item["id"]["S"], datetime.fromisoformat(item["timestamp"]["S"])) for item in page["Items"]]
        return keys, page.get("LastEvaluatedKey")


def _fields(fields: Fields | Callable[[Record], Fields] | None, record: Record) -> Fields:
    return fields(record) if callable(fields) else fields or {}


def _parts(writes: Sequence[_Write]) -> Iterator[list[_Write]]:
    """Parts that a transaction may have, by number and by bytes."""
    part: list[_Write] = []
    size = 0
    for write in writes:
        if part and (len(part) == _WRITES or size + write.size > _WRITE_BYTES):
            yield part
            part, size = [], 0
        part.append(write)
        size += write.size
    if part:
        yield part

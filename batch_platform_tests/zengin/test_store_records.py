"""The records on a real DynamoDB: conditional writes, and every fault that DynamoDB is known for."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from batch_platform.core import aws
from batch_platform.core.failures import Conflict, NotFound, PermanentFailure, TransientFailure
from batch_platform.settings import Settings
from batch_platform.zengin.model import CLASSIFIED_SCHEMA, Approval, DiffType, Limits, Record, Status
from batch_platform.zengin.records import item_size, to_item
from batch_platform.zengin.store.records import RecordStore
from batch_platform_tests.dynamo_proxy import DynamoProxy
from batch_platform_tests.fault_proxy import Answer, CutBody, FaultProxy
from batch_platform_tests.zengin.conftest import BUCKET, IMPATIENT
from batch_platform_tests.zengin.rows import EMPTY, NOW, changes, master, record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

ANN = Approval("local:ann", NOW)
BOB = Approval("local:bob", NOW)
LATER = NOW + timedelta(hours=1)


def many(count: int) -> list[Record]:
    return [record(number) for number in range(count)]


def keys(found: list[Record]) -> list[tuple[str, object]]:
    return [(one.id, one.timestamp) for one in found]


def test_new_records_are_stored_once(records: RecordStore) -> None:
    wanted = many(120)
    assert records.put_new(wanted) == 120
    assert records.put_new(wanted) == 0
    assert records.get_many(keys(wanted)) == wanted
    assert records.get(wanted[7].id) == wanted[7]


def test_a_new_record_never_resets_one_that_has_moved(records: RecordStore) -> None:
    first = record()
    records.put_new([first])
    moved = records.move(first, Status.APPROVED, now=NOW, approvals=(ANN,))
    assert records.put_new([first, record(2)]) == 1
    assert records.get(first.id) == moved


def test_another_proposal_under_the_same_id_is_refused(records: RecordStore) -> None:
    records.put_new([record()])
    with pytest.raises(PermanentFailure, match="is another proposal already"):
        records.put_new([replace(record(), new_hash="f" * 64)])


def test_an_unknown_record(records: RecordStore) -> None:
    with pytest.raises(NotFound, match="no record diff-0"):
        records.get("diff-0")
    assert records.get_many([("diff-0", NOW)]) == []


def test_a_record_moves_by_status_and_version(records: RecordStore) -> None:
    first = record()
    records.put_new([first])
    approved = records.move(first, Status.APPROVED, now=NOW, approvals=(ANN,))
    assert (approved.status, approved.version, approved.approvals, approved.updated_at) == (
        Status.APPROVED,
        2,
        (ANN,),
        NOW,
    )
    assert records.get(first.id) == approved
    with pytest.raises(Conflict, match="was changed meanwhile"):
        records.move(first, Status.REJECTED, now=LATER)
    with pytest.raises(Conflict, match="cannot become"):
        records.move(approved, Status.COMPLETED, now=LATER)
    again = records.move(approved, Status.PENDING, now=LATER, approvals=())
    assert records.get(first.id) == again
    assert again.approvals == ()


@pytest.mark.parametrize("end", [Status.REJECTED, Status.EXPIRED])
def test_the_time_to_live_begins_at_the_end(records: RecordStore, end: Status) -> None:
    first = record()
    records.put_new([first])
    assert records.get(first.id).ttl is None
    ended = records.move(first, end, now=NOW)
    assert ended.ttl == int((NOW + timedelta(days=90)).timestamp())
    assert records.get(first.id) == ended


def test_of_many_approvers_one_wins(records: RecordStore) -> None:
    first = record()
    records.put_new([first])

    def approve(number: int) -> Record | None:
        try:
            return records.move(first, Status.APPROVED, now=NOW, approvals=(Approval(f"local:a{number}", NOW),))
        except Conflict:
            return None

    with ThreadPoolExecutor(8) as pool:
        won = [found for found in pool.map(approve, range(8)) if found]
    assert won == [records.get(first.id)]


def test_many_move_and_those_that_cannot_are_named(records: RecordStore) -> None:
    wanted = many(120)
    records.put_new(wanted)
    records.move(wanted[3], Status.REJECTED, now=NOW)
    records.move(wanted[110], Status.APPROVED, now=NOW, approvals=(BOB,))
    moved = records.move_many(wanted, Status.APPROVED, now=LATER, fields={"approvals": (ANN,)})
    assert moved.lost == (wanted[3].id, wanted[110].id)
    assert len(moved.records) == 118
    there = {found.id: found for found in records.get_many(keys(wanted))}
    assert all(there[found.id] == found for found in moved.records)
    assert there[wanted[110].id].approvals == (BOB,)


def test_two_producers_at_once_store_each_record_once(records: RecordStore) -> None:
    wanted = many(120)
    with ThreadPoolExecutor(3) as pool:
        new = list(pool.map(lambda _: records.put_new(wanted), range(3)))
    assert sum(new) == 120
    assert records.get_many(keys(wanted)) == wanted


def test_a_list_pages_to_the_end_through_equal_timestamps(records: RecordStore) -> None:
    wanted = many(60)
    records.put_new(wanted)
    records.put_new([record(500, timestamp=LATER)])
    found: list[Record] = []
    cursor = None
    while True:
        page, cursor = records.by_status(Status.PENDING, now=NOW, limit=25, cursor=cursor)
        found += page
        if cursor is None:
            break
    assert found[0].timestamp == LATER
    assert sorted(one.id for one in found) == sorted(one.id for one in [*wanted, record(500)])
    assert len(list(records.all_by_status(Status.PENDING, now=NOW, before=LATER))) == 60
    assert list(records.all_by_status(Status.EXECUTING, now=NOW)) == []


def test_what_has_passed_its_time_is_not_listed(records: RecordStore) -> None:
    """DynamoDB deletes within days, not at the moment."""
    records.put_new([record(1), record(2)])
    records.move(record(1), Status.REJECTED, now=NOW)
    records.move(record(2), Status.REJECTED, now=LATER)
    end = NOW + timedelta(days=90)
    assert [one.id for one in records.all_by_status(Status.REJECTED, now=end)] == [record(2).id]


def test_lapsed_leases_are_found(records: RecordStore) -> None:
    records.put_new(many(2))
    for number, until in ((0, NOW + timedelta(minutes=1)), (1, NOW + timedelta(minutes=9))):
        approved = records.move(record(number), Status.APPROVED, now=NOW)
        records.move(approved, Status.EXECUTING, now=NOW, lease_until=until)
    assert [one.id for one in records.lapsed(now=NOW + timedelta(minutes=5))] == [record(0).id]


# faults


def test_a_lost_reply_does_not_lose_the_move(distant_records: RecordStore, dynamo_proxy: DynamoProxy) -> None:
    """DynamoDB knows the request again by its token."""
    distant_records.put_new([record()])
    dynamo_proxy.lose_reply("TransactWriteItems")
    moved = distant_records.move(record(), Status.APPROVED, now=NOW, approvals=(ANN,))
    assert distant_records.get(record().id) == moved
    assert dynamo_proxy.count("TransactWriteItems") == 3


def test_the_same_move_asked_for_again_meets_itself(distant_records: RecordStore, dynamo_proxy: DynamoProxy) -> None:
    """Every reply is lost, so the caller hears of a failure; when it asks again, the move stands: no conflict."""
    wanted = many(3)
    distant_records.put_new(wanted)
    dynamo_proxy.lose_reply("TransactWriteItems", times=4)
    with pytest.raises(TransientFailure, match="the connection to AWS failed"):
        distant_records.move_many(wanted, Status.APPROVED, now=NOW, fields={"approvals": (ANN,)})
    moved = distant_records.move_many(wanted, Status.APPROVED, now=NOW, fields={"approvals": (ANN,)})
    assert moved.lost == ()
    assert distant_records.get_many(keys(wanted)) == list(moved.records)
    assert distant_records.move_many(wanted, Status.APPROVED, now=NOW, fields={"approvals": (BOB,)}).lost


def test_a_lost_reply_of_somebody_elses_move_is_a_conflict(
    distant_records: RecordStore, records: RecordStore, dynamo_proxy: DynamoProxy
) -> None:
    records.put_new([record()])
    records.move(record(), Status.APPROVED, now=NOW, approvals=(BOB,))
    dynamo_proxy.lose_reply("TransactWriteItems")
    with pytest.raises(Conflict):
        distant_records.move(record(), Status.APPROVED, now=NOW, approvals=(ANN,))
    assert records.get(record().id).approvals == (BOB,)


def test_lost_replies_while_many_are_stored_and_moved(
    distant_records: RecordStore, dynamo_proxy: DynamoProxy
) -> None:
    wanted = many(120)
    dynamo_proxy.lose_reply("TransactWriteItems", times=2)
    distant_records.put_new(wanted)
    assert distant_records.get_many(keys(wanted)) == wanted
    dynamo_proxy.lose_reply("TransactWriteItems", times=2)
    moved = distant_records.move_many(wanted, Status.APPROVED, now=NOW, fields={"approvals": (ANN,)})
    assert moved.lost == ()
    assert distant_records.get_many(keys(wanted)) == list(moved.records)


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_cancelled_transaction_is_tried_again(
    distant_records: RecordStore, dynamo_proxy: DynamoProxy, reason: str
) -> None:
    dynamo_proxy.cancel("TransactWriteItems", reason, times=3)
    assert distant_records.put_new(many(3)) == 3
    assert dynamo_proxy.count("TransactWriteItems") == 4


def test_collisions_without_end_are_a_transient_failure(
    distant_records: RecordStore, dynamo_proxy: DynamoProxy
) -> None:
    dynamo_proxy.cancel("TransactWriteItems", "TransactionConflict", times=99)
    with pytest.raises(TransientFailure, match="writes collide or are throttled, also after 4 attempts"):
        distant_records.put_new([record()])


def test_a_stale_index_is_only_a_hint(
    distant_records: RecordStore, records: RecordStore, dynamo_proxy: DynamoProxy, table: str
) -> None:
    """The index still has a record as pending that was approved, and one that is gone."""
    records.put_new(many(3))
    items = [{"id": {"S": record(n).id}, "timestamp": to_item(record(n))["timestamp"]} for n in (0, 1, 2, 77)]
    records.move(record(1), Status.APPROVED, now=NOW)
    reply = {"Items": items, "Count": len(items), "ScannedCount": len(items)}
    dynamo_proxy.freeze("Query", json.dumps(reply).encode())
    found, cursor = distant_records.by_status(Status.PENDING, now=NOW, limit=10)
    assert [one.id for one in found] == [record(0).id, record(2).id]
    assert cursor is None


# what is too big


def test_what_does_not_fit_into_an_item_lies_in_s3(
    records: RecordStore, dynamodb: DynamoDBClient, table: str
) -> None:
    big = record(1, zengin_data={"branch_name": "店" * 130_000}, current_data={"branch_name": "本店"})
    records.put_new([big, record(2)])
    item = dynamodb.get_item(TableName=table, Key={n: to_item(big)[n] for n in ("id", "timestamp")})["Item"]
    assert item_size(item) < 10_000
    assert item["dataLocation"]["S"] == f"s3://{BUCKET}/diffs/{big.id}.json"
    found = records.get(big.id)
    assert (found.zengin_data, found.current_data, found.changes) == (big.zengin_data, big.current_data, big.changes)
    moved = records.move(found, Status.APPROVED, now=NOW, approvals=(ANN,))
    assert records.get(big.id) == moved
    assert records.put_new([big]) == 0


def test_a_record_that_grows_too_big_moves_to_s3(dynamodb: DynamoDBClient, table: str, s3: S3Client) -> None:
    first = record(1, zengin_data={"branch_name": "店" * 150})
    room = item_size(to_item(first)) + 100
    store = RecordStore(dynamodb, table, s3, BUCKET, limits=Limits(inline_bytes=room))
    store.put_new([first])
    assert store.get(first.id).data_location is None
    approved = store.move(first, Status.APPROVED, now=NOW, metadata={"note": "n" * 200})
    assert approved.data_location is not None
    found = store.get(first.id)
    assert (found.zengin_data, found.status) == (first.zengin_data, Status.APPROVED)


def test_a_long_error_text_lies_in_s3(records: RecordStore, s3: S3Client) -> None:
    text = "失敗" * 3000
    records.put_new([record()])
    approved = records.move(record(), Status.APPROVED, now=NOW)
    executing = records.move(approved, Status.EXECUTING, now=NOW, lease_until=LATER)
    records.move(executing, Status.FAILED, now=NOW, error=text)
    found = records.get(record().id)
    assert found.error is not None
    assert len(found.error.encode()) <= 4096
    assert text.startswith(found.error.removesuffix(" …"))
    key = found.metadata["errorLocation"].removeprefix(f"s3://{BUCKET}/")
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() == text


def bulk() -> tuple[Record, pl.DataFrame]:
    rows = changes(EMPTY, master({"0001": "みずほ", "0001-001": "東京営業部"})).drop("diff_id")
    said = [pl.lit("x").alias(name) for name in CLASSIFIED_SCHEMA if name not in rows.columns]
    rows = rows.with_columns(said).select(*CLASSIFIED_SCHEMA)
    nothing = dict.fromkeys(("table", "key", "zengin_data", "current_data", "base_hash"))
    summary = {"totalRecords": 2, "additions": 2, "updates": 0, "deletions": 0}
    return record(9, diff_type=DiffType.BULK_UPDATE, changes={}, data_summary=summary, **nothing), rows


def test_a_bulk_record_has_its_rows_in_s3(records: RecordStore) -> None:
    one, rows = bulk()
    stored = records.put_bulk(one, rows)
    assert records.rows(stored, CLASSIFIED_SCHEMA).equals(rows)
    assert stored.data_size
    moved = records.move(stored, Status.APPROVED, now=NOW)
    again = records.put_bulk(one, rows)
    assert again == moved
    assert records.rows(again, CLASSIFIED_SCHEMA).equals(rows)


def test_rows_that_were_tampered_with_are_refused(records: RecordStore, s3: S3Client) -> None:
    one, rows = bulk()
    stored = records.put_bulk(one, rows)
    s3.put_object(Bucket=BUCKET, Key=f"diffs/{one.id}.json", Body=b"[]")
    assert records.rows(stored, CLASSIFIED_SCHEMA).equals(rows)  # the version that was approved
    newest = {name: value for name, value in stored.metadata.items() if name != "dataVersion"}
    with pytest.raises(PermanentFailure, match="is not what record"):
        records.rows(replace(stored, metadata=newest), CLASSIFIED_SCHEMA)


def test_a_payload_that_breaks_off_is_read_again(
    dynamodb: DynamoDBClient, table: str, settings: Settings, s3: S3Client
) -> None:
    assert settings.aws_endpoint_url is not None
    one, rows = bulk()
    RecordStore(dynamodb, table, s3, BUCKET).put_bulk(one, rows)
    with FaultProxy(settings.aws_endpoint_url) as proxy:
        proxy.add(CutBody(f"diffs/{one.id}.json", after=100, times=2))
        client = aws.client("s3", settings.model_copy(update={"aws_endpoint_url": proxy.url}), attempts=1)
        distant = RecordStore(dynamodb, table, client, BUCKET, patience=IMPATIENT)
        assert distant.rows(distant.get(one.id), CLASSIFIED_SCHEMA).equals(rows)
        assert proxy.count("GET", one.id) == 3
        proxy.add(Answer(f"diffs/{one.id}.json", times=99))
        with pytest.raises(TransientFailure, match="AWS is busy or failing"):
            distant.rows(distant.get(one.id), CLASSIFIED_SCHEMA)

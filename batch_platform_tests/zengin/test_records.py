"""Records are made the same by every run, and stand in DynamoDB under the names of the spec."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.messages import Message, to_json
from batch_platform.zengin.diff import diff
from batch_platform.zengin.model import (
    RECORD_SCHEMA,
    Approval,
    Limits,
    Record,
    Status,
    approvals_needed,
)
from batch_platform.zengin.records import (
    change_of,
    counts,
    from_item,
    item_size,
    make_bulk_record,
    make_records,
    payload_hash,
    record_id,
    rows_of_records,
    timestamp_text,
    to_item,
    with_id,
)
from batch_platform_tests.zengin.masters import (
    AFTER,
    BEFORE,
    Master,
    banks,
    branches,
    classified,
    excerpt,
    masters,
    thrifty,
)

DAY = date(2024, 1, 1)
AT = datetime(2024, 1, 1, 9, 0, tzinfo=UTC)
SAID = Message("new-name", "{name} is new.", name="It")
JST = timezone(timedelta(hours=9))
METADATA = {"source": "zengin-code", "sourceVersion": "1.1.0.20240415"}


def plain(old: Master, new: Master) -> pl.DataFrame:
    """A diff that says the same of every change: classes have tests of their own."""
    said = {"change_class": "new", "risk": "low", "reason": str(SAID), "message": to_json(SAID)}
    return diff(*old, *new).with_columns(**{name: pl.lit(text) for name, text in said.items()})


def records(changes: pl.DataFrame, home: pl.DataFrame, snapshot_hash: str = "s") -> list[Record]:
    return make_records(
        changes,
        home,
        changeset_id="changeset-1",
        business_date=DAY,
        snapshot_hash=snapshot_hash,
        timestamp=AT,
        metadata=METADATA,
    )


def one() -> Record:
    """本店営業部 becomes 本店, as in the spec."""
    home = banks(("0001", "みずほ銀行", "ミズホ"))
    old, new = (
        branches(("0001-001", "本店営業部", "ホンテンエイギヨウブ")),
        branches(("0001-001", "本店", "ホンテン")),
    )
    [record] = records(classified((home, old), (home, new)), home)
    return record


@thrifty
@given(masters, masters)
def test_a_second_run_makes_the_same_records(old: Master, new: Master):
    changes = plain(old, new)
    made = records(changes, new[0])
    assert made == records(plain(old, new), new[0])
    assert len({record.id for record in made}) == len(made)
    assert {record.id for record in made}.isdisjoint(record.id for record in records(changes, new[0], "other"))
    assert payload_hash(made) == payload_hash(changes) == payload_hash(changes.reverse())


@thrifty
@given(masters, masters)
def test_records_are_applied_as_they_were_proposed(old: Master, new: Master):
    changes = plain(old, new)
    rows = rows_of_records(records(changes, new[0]))
    assert dict(rows.schema) == RECORD_SCHEMA
    assert rows.drop("diff_id").equals(changes)
    assert with_id(changes, "x").columns == rows.columns


@thrifty
@given(masters, masters)
def test_items_read_as_the_records_they_were_made_of(old: Master, new: Master):
    for record in records(plain(old, new), new[0]):
        assert from_item(to_item(record)) == record


def test_ids():
    change = {"table": "branches", "key": "0001-001", "base_hash": "b", "new_hash": "n"}
    found = record_id(date(2024, 1, 1), "s", change)
    assert found == "diff-20240101-66139b29a953"
    assert record_id(date(2024, 1, 1), "s", {**change, "base_hash": None}) != found


def test_an_item_has_the_names_of_the_spec():
    record = replace(
        one(),
        approvals=(Approval("ann@example.com", AT), Approval("bob@example.com", AT + timedelta(minutes=90))),
        executed_at=AT + timedelta(hours=14),
        execution_result={"success": True, "rowsAffected": 1, "executionTime": 250},
        ttl=1712188800,
        not_before=date(2024, 1, 2),
        status=Status.COMPLETED,
    )
    item = to_item(record)
    assert item["timestamp"] == {"S": "2024-01-01T09:00:00.000Z"}
    assert item["status"] == {"S": "completed"}
    assert item["diffType"] == {"S": "update"}
    assert item["zenginData"]["M"].keys() >= {
        *("bankCode", "bankName", "branchCode", "branchName", "bankKana", "branchKana")
    }
    assert item["zenginData"]["M"]["bankName"] == {"S": "みずほ銀行"}
    assert item["currentData"]["M"]["branchName"] == {"S": "本店営業部"}
    assert item["changes"]["M"]["branchName"] == {"M": {"old": {"S": "本店営業部"}, "new": {"S": "本店"}}}
    assert item["approvedBy"] == {"S": "bob@example.com"}
    assert item["approvedAt"] == {"S": "2024-01-01T10:30:00.000Z"}
    assert item["executedAt"] == {"S": "2024-01-01T23:00:00.000Z"}
    assert item["executionResult"] == {
        "M": {"success": {"BOOL": True}, "rowsAffected": {"N": "1"}, "executionTime": {"N": "250"}}
    }
    assert item["metadata"] == {"M": {"source": {"S": "zengin-code"}, "sourceVersion": {"S": "1.1.0.20240415"}}}
    assert item["ttl"] == {"N": "1712188800"}
    assert item.keys() >= {"id", "changesetId", "table", "key", "baseHash", "newHash", "version", "risk", "reason"}
    assert from_item(item) == record


def test_moments_are_utc_to_the_millisecond():
    assert timestamp_text(datetime(2024, 1, 1, 8, 30, 0, 123_999, tzinfo=JST)) == "2023-12-31T23:30:00.123Z"


def test_a_bulk_record_sums_up_its_rows():
    old, new = excerpt(BEFORE), excerpt(AFTER)
    changes = classified(old, new)
    record = make_bulk_record(
        changes,
        changeset_id="changeset-1",
        business_date=DAY,
        snapshot_hash="s",
        base_content_hash="b",
        timestamp=AT,
        metadata=METADATA,
    )
    assert record.data_summary == {"totalRecords": 27, "additions": 7, "updates": 10, "deletions": 10}
    assert (record.diff_type, record.risk, record.new_hash) == ("bulk_update", "high", payload_hash(changes))
    placed = replace(record, data_location="s3://bucket/diffs/x.json", data_size=524288)
    item = to_item(placed)
    assert item["dataSize"] == {"N": "524288"}
    assert item["dataSummary"]["M"]["totalRecords"] == {"N": "27"}
    assert item.keys().isdisjoint({"zenginData", "currentData", "key", "table"})
    assert from_item(item) == placed


def test_counts_are_those_of_a_changeset():
    found = counts(classified(excerpt(BEFORE), excerpt(AFTER)))
    assert found["rows"] == 27
    assert found["banks.deletion"] == 3
    assert found["branches.addition"] == 7
    assert sum(rows for name, rows in found.items() if name.startswith("class.")) == 27
    assert found["risk.low"] == found["class.orthography"] + found["class.new"]


def test_two_people_for_what_is_hard_to_undo():
    limits = Limits(two_person_rows=10)
    assert approvals_needed({"rows": 10}, limits) == 1
    assert approvals_needed({"rows": 11}, limits) == 2
    assert approvals_needed({"rows": 1, "banks.deletion": 1}, limits) == 2
    assert approvals_needed({"rows": 1}, limits, held=True) == 2


def test_a_row_becomes_a_value():
    changes = classified(excerpt(BEFORE), excerpt(AFTER))
    row = changes.filter(pl.col("key") == "4047-025").row(0, named=True)
    change = change_of(row)
    assert change.old is not None
    assert (change.old["branch_name"], change.changes["branch_name"]["new"]) == ("飯坂南", "飯坂")


@pytest.mark.parametrize(
    ("item", "size"),
    [
        # "shirt-color" R and "shirt-size" M are 23 bytes in the documentation.
        ({"shirt-color": {"S": "R"}, "shirt-size": {"S": "M"}}, 23),
        ({"a": {"S": "全銀"}}, 1 + 6),
        ({"全": {"S": ""}}, 3),
        ({"a": {"N": "0"}}, 1 + 1),
        ({"a": {"N": "27"}}, 1 + 2),
        ({"a": {"N": "-27"}}, 1 + 3),
        ({"a": {"N": "2700"}}, 1 + 2),
        ({"a": {"N": "461"}}, 1 + 3),
        ({"a": {"N": "0.00123"}}, 1 + 3),
        ({"a": {"N": "1" * 38}}, 1 + 20),
        ({"a": {"BOOL": False}}, 1 + 1),
        ({"a": {"NULL": True}}, 1 + 1),
        ({"a": {"B": b"12345"}}, 1 + 5),
        ({"a": {"M": {}}}, 1 + 3),
        ({"a": {"L": []}}, 1 + 3),
        ({"a": {"L": [{"S": "x"}, {"N": "1"}]}}, 1 + 3 + (1 + 1) + (2 + 1)),
        ({"a": {"M": {"bc": {"S": "x"}}}}, 1 + 3 + (2 + 1 + 1)),
        ({"a": {"SS": ["x", "yz"]}}, 1 + 3),
    ],
)
def test_the_size_of_an_item(item: dict[str, dict[str, object]], size: int):
    assert item_size(item) == size


@thrifty
@given(st.text(max_size=300))
def test_an_item_grows_by_the_bytes_of_its_texts(text: str):
    assert item_size({"error": {"S": text}, "id": {"S": "x"}}) == len("errorid") + 1 + len(text.encode())


def test_a_reason_is_a_message_again_and_what_was_stored_before_it_stays_a_text():
    changes = plain(*(excerpt(when) for when in (BEFORE, AFTER)))
    record = records(changes, excerpt(AFTER)[0])[0]
    item = to_item(record)
    assert item["reason"] == {"S": "It is new."}
    assert all(isinstance(one.reason, Message) for one in (from_item(item), change_of(changes.row(0, named=True))))
    del item["message"]
    older = from_item(item)
    assert older == record
    assert not isinstance(older.reason, Message)
    row = changes.with_columns(message=pl.lit(None, pl.String())).row(0, named=True)
    assert not isinstance(change_of(row).reason, Message)

"""What the API tells of batches: the history walked completely, rows, plans and proofs, also of what is damaged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import httpx
import pytest

from batch_platform.btc import service
from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.service.plan import new_batch
from batch_platform.settings import Settings
from batch_platform_tests.btc.service_tools import expected
from batch_platform_tests.btc_web.asking import HERE, data, send
from batch_platform_tests.btc_web.conftest import Office
from batch_platform_tests.waiting import PATIENCE

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Walk = Callable[..., Iterator[list[str]]]
NOBODY = "019f0a5e-1c2d-7a3b-8c4d-5e6f708192a3"


def cancelled(office: Office, count: int) -> list[str]:
    """Batches that were given up before they were planned: the quickest way to a history."""
    batches = office.context.store.batches
    made = []
    for _ in range(count):
        batch = new_batch(
            office.context,
            Decimal(5),
            office.context.options,
            by="local:setup",
            memo=None,
        )
        batches.move(batches.create(batch), BatchStatus.CANCELLED, completed_at=office.clock())
        made.append(batch.batch_id)
    return made


def by_cursor(client: httpx.Client, query: str = "") -> Iterator[list[str]]:
    cursor: str | None = ""
    while cursor is not None:
        page = data(client.get(f"{HERE}?limit=3{query}" + (f"&cursor={cursor}" if cursor else "")))
        yield [one["batch_id"] for one in page["items"]]
        cursor = page["next_cursor"]


def by_offset(client: httpx.Client, query: str = "") -> Iterator[list[str]]:
    offset, ids = 0, ["first"]
    while ids:
        ids = [one["batch_id"] for one in data(client.get(f"{HERE}?limit=3&offset={offset}{query}"))["items"]]
        offset += len(ids)
        yield ids


@contextmanager
def inserting(office: Office) -> Iterator[list[str]]:
    """New batches come meanwhile."""
    made: list[str] = []

    def insert() -> None:
        for _ in range(20):
            made.extend(cancelled(office, 1))

    thread = threading.Thread(target=insert)
    thread.start()
    try:
        yield made
    finally:
        thread.join(PATIENCE)


@pytest.mark.parametrize("walk", [by_cursor, by_offset])
def test_the_history_is_walked_completely_while_it_grows(office: Office, viewer: httpx.Client, walk: Walk) -> None:
    there = cancelled(office, 14)
    with inserting(office) as meanwhile:
        seen = [one for ids in walk(viewer) for one in ids]
    assert set(there) <= set(seen) <= {*there, *meanwhile}
    assert len(meanwhile) == 20
    if walk is by_cursor:
        assert [one for one in seen if one in there] == there[::-1]
        assert len(seen) == len(set(seen))


def test_a_status_has_a_history_of_its_own(office: Office, viewer: httpx.Client) -> None:
    gone = cancelled(office, 7)
    done = office.make().batch_id
    for walk in (by_cursor, by_offset):
        assert [one for ids in walk(viewer, "&status=cancelled") for one in ids] == gone[::-1]
        assert [one for ids in walk(viewer, "&status=completed") for one in ids] == [done]
        assert [one for ids in walk(viewer, "&status=planned") for one in ids] == []
    page = data(viewer.get(f"{HERE}?status=cancelled&limit=2&offset=3"))
    assert ([one["batch_id"] for one in page["items"]], page["total"]) == (gone[3:1:-1], 7)
    rest = data(viewer.get(f"{HERE}?status=cancelled&cursor={page['next_cursor']}"))
    assert [one["batch_id"] for one in rest["items"]] == gone[1::-1]
    assert data(viewer.get(HERE))["total"] == 8


REFUSED_QUERIES = [
    *(("limit=0", "limit"), ("limit=101", "limit"), ("limit=1.5", "limit"), ("offset=-1", "offset")),
    *(("status=running", "status"), ("cursor=bm90aGluZw", "cursor"), ("cursor=%00", None)),
    *(("cursor=WyIiLCIyMDI2IiwieCJd&offset=1", "cursor"), ("page=2", "page")),
]


def test_a_query_that_cannot_be_is_named(office: Office, viewer: httpx.Client) -> None:
    for query, field in REFUSED_QUERIES:
        answer = viewer.get(f"{HERE}?{query}")
        assert (answer.status_code, answer.json().get("field")) == (422, field), (query, answer.text)


# one batch


def test_a_batch_that_is_not_there(office: Office, administrator: httpx.Client) -> None:
    office.make(apply=False)
    for batch_id in (NOBODY, "lock%23btc_adjustment", "x", NOBODY.upper()):
        answers = [administrator.get(f"{HERE}/{batch_id}{path}") for path in ("", "/transactions", "/plan", "/proof")]
        answers += [send(administrator, path=f"/{batch_id}/{verb}") for verb in ("cancel", "resume", "reverse")]
        seen = {"count": 1, "sum": "1", "plan_sha256": "0" * 64}
        answers.append(send(administrator, seen, path=f"/{batch_id}/approve"))
        kind = (
            "/problems/unknown-batch" if batch_id == NOBODY else "/problems/not-found"
        )  # no id of a batch: no route
        assert [(one.status_code, one.json()["type"]) for one in answers] == [(404, kind)] * 8, batch_id


@pytest.mark.parametrize("shards", [1, 16])
def test_the_rows_of_a_batch_are_one_list(office: Office, administrator: httpx.Client, shards: int) -> None:
    made = data(send(administrator, {"adjustment_rate": 7, "shards": shards}))["batch_id"]
    office.apply()
    amounts = expected(office.before, "7")
    rows, cursor = [], ""
    while cursor is not None:
        place = f"&cursor={cursor}" if cursor else ""
        page = data(administrator.get(f"{HERE}/{made}/transactions?limit=4{place}"))
        assert len(page["items"]) <= 4
        rows += page["items"]
        cursor = page["next_cursor"]
    assert {row["user_id"]: round(float(row["amount"]) * 10**8) for row in rows} == amounts
    assert len(rows) == len(amounts)
    assert {row["transaction_id"] for row in rows} == {made}
    first = data(administrator.get(f"{HERE}/{made}"))
    assert len(first["transactions"]) == len(amounts)
    assert first["summary"]["plan_sum"] == first["operation"]["applied_sum"]
    foreign = administrator.get(f"{HERE}/{made}/transactions?cursor=WyI5OSIsIiJd")
    assert (foreign.status_code, foreign.json()["field"]) == (422, "cursor")


def test_who_was_not_booked_is_named_with_the_reason(office: Office, viewer: httpx.Client) -> None:
    batch = office.make("-50", apply=False)
    for user in ("user-05", "user-11"):
        office.context.store.accounts.deposit(user, -90_000_000, transaction_id=f"out-{user}", created_by="user")
    service.run(office.context, batch.batch_id)
    found = data(viewer.get(f"{HERE}/{batch.batch_id}"))
    operation = found["operation"]
    assert (operation["status"], operation["failed_user_count"]) == ("completed_with_failures", 2)
    assert [one["user_id"] for one in found["failures"]] == ["user-05", "user-11"]
    assert all(one["error"] for one in found["failures"])
    counts = ("processed_user_count", "skipped_zero_count", "failed_user_count", "pending_user_count")
    assert sum(operation[name] for name in counts) == operation["target_user_count"]
    [row] = [row for row in found["transactions"] if row["user_id"] == "user-05"]
    assert (row["state"], row["amount"]) == ("failed", "0.00000000")
    assert data(viewer.get(f"{HERE}/{batch.batch_id}/proof"))["ok"] is True


def test_a_plan_is_a_file_or_json(office: Office, viewer: httpx.Client) -> None:
    batch = office.make(apply=False)
    name = f"{HERE}/{batch.batch_id}/plan"
    table = viewer.get(f"{name}?format=csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert batch.batch_id in table.headers["content-disposition"]
    head, *lines = table.text.splitlines()
    assert head == "user_id,balance_before,amount_exact,amount,balance_after,state,reason"
    assert "user-02,20999999.97690000,1049999.998845,1049999.99884500,22049999.97574500,pending," in lines
    assert len(lines) == batch.plan_rows
    found = data(viewer.get(name))
    assert (found["batch_id"], found["plan_sha256"]) == (batch.batch_id, batch.plan_sha256)
    told = [",".join(value or "" for value in row.values()) for row in found["rows"]]
    assert told == lines
    service.run(office.context, batch.batch_id)
    assert {row["state"] for row in data(viewer.get(name))["rows"]} == {"applied", "excluded", "skipped_zero"}


def test_a_batch_without_a_seal_has_no_plan(office: Office, viewer: httpx.Client) -> None:
    [batch_id] = cancelled(office, 1)
    assert viewer.get(f"{HERE}/{batch_id}/plan").status_code == 404
    found = data(viewer.get(f"{HERE}/{batch_id}"))
    assert (found["operation"]["plan_sha256"], found["summary"], found["transactions"]) == (None, None, [])
    proof = data(viewer.get(f"{HERE}/{batch_id}/proof"))
    assert [(one["name"], one["ok"]) for one in proof["checks"]] == [("nothing_booked", True)]


# proofs


def plan_object(batch: Batch) -> str:
    return f"btc/plan/{batch.batch_id}/{batch.plan_sha256}.parquet"


@pytest.mark.parametrize("damage", ["lost", "changed"])
def test_a_damaged_plan_is_told_by_the_proof(
    office: Office, viewer: httpx.Client, s3: S3Client, settings: Settings, damage: str
) -> None:
    batch = office.make()
    key = plan_object(batch)
    if damage == "lost":
        s3.delete_object(Bucket=settings.lake_bucket, Key=key)
    else:
        s3.put_object(Bucket=settings.lake_bucket, Key=key, Body=b"nothing")
    proof = data(viewer.get(f"{HERE}/{batch.batch_id}/proof"))
    assert (proof["ok"], [one["name"] for one in proof["checks"]]) == (False, ["hash_equal"])
    office.context.summaries.clear()
    found = data(viewer.get(f"{HERE}/{batch.batch_id}"))
    assert (found["operation"]["status"], found["summary"]) == ("completed", None)
    assert len(found["transactions"]) == batch.processed_user_count


def test_a_proof_names_who_differs(office: Office, viewer: httpx.Client) -> None:
    batch = office.make()
    table = office.context.store.ledger._table
    office.context.store.ledger._requests.client.update_item(
        TableName=table,
        Key={"transaction_id": {"S": batch.batch_id}, "user_id": {"S": "user-05"}},
        UpdateExpression="SET amount = :more",
        ExpressionAttributeValues={":more": {"N": "0.05000001"}},
    )
    proof = data(viewer.get(f"{HERE}/{batch.batch_id}/proof"))
    assert proof["ok"] is False
    [check] = [one for one in proof["checks"] if one["name"] == "amounts_equal"]
    assert check["differences"] == [{"user_id": "user-05", "expected": "5000000", "found": "5000001"}]
    assert check["difference_count"] == 1
    assert {one["name"] for one in proof["checks"] if not one["ok"]} == {"amounts_equal", "zero_sum"}

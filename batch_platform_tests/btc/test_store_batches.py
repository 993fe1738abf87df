"""Batches on a real DynamoDB: one open at a time, moved by condition, worked on under a lease."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from batch_platform.btc.items import batch_item
from batch_platform.btc.model import Approval, Batch, BatchStatus
from batch_platform.btc.store import BtcStore, IdempotencyKey, LeaseLost
from batch_platform.core.failures import Conflict, InvalidInput, NotFound, TransientFailure
from batch_platform_tests.btc.conftest import NOW
from batch_platform_tests.dynamo_proxy import DynamoProxy

KEY = IdempotencyKey("a" * 64, "b" * 64)
LATER = NOW + timedelta(minutes=5)


def batch(number: int = 1, **fields: object) -> Batch:
    made = Batch(
        batch_id=f"batch-{number:03d}",
        adjustment_rate=Decimal("5.00000001"),
        status=BatchStatus.PENDING,
        created_by="local:ann",
        created_at=NOW + timedelta(seconds=number),
        memo="十一月",
        target_total=-12345678901,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def planned(store: BtcStore, number: int = 1, **fields: object) -> Batch:
    made = store.batches.create(batch(number, **fields))
    seal = {"plan_sha256": "c" * 64, "plan_sum": 77, "plan_rows": 3, "target_user_count": 2, "excluded_count": 1}
    return store.batches.move(made, BatchStatus.PLANNED, cutoff_at=NOW, planned_at=NOW, **seal)


def finished(store: BtcStore, number: int = 1) -> Batch:
    working = store.batches.acquire(planned(store, number), "w", now=NOW)
    return store.batches.move(working, BatchStatus.COMPLETED, completed_at=LATER, applied_sum=77)


def test_a_batch_is_created_with_its_lock(store: BtcStore) -> None:
    made = store.batches.create(batch())
    assert store.batches.get("batch-001") == made == batch()
    assert store.batches.open_batch_id() == "batch-001"
    with pytest.raises(Conflict, match="batch batch-001 is open"):
        store.batches.create(batch(2))
    assert store.batches.create(batch()) == made
    with pytest.raises(NotFound, match="no batch lock#btc_adjustment"):
        store.batches.get("lock#btc_adjustment")


def test_a_key_names_one_batch(store: BtcStore) -> None:
    first = store.batches.create(batch(), key=KEY)
    assert store.batches.create(batch(2), key=KEY) == first
    with pytest.raises(InvalidInput, match="used with another body"):
        store.batches.create(batch(3), key=IdempotencyKey(KEY.key_hash, "0" * 64))
    with pytest.raises(Conflict, match="batch-001 is open"):
        store.batches.create(batch(4), key=IdempotencyKey("9" * 64, KEY.body_hash))
    store.batches.move(first, BatchStatus.CANCELLED)
    assert store.batches.create(batch(5), key=KEY).status is BatchStatus.CANCELLED
    week = batch(6, created_at=NOW + timedelta(days=7, seconds=2))
    assert store.batches.create(week, key=KEY) == week
    assert store.batches.with_key(KEY, week.created_at) == week


def test_of_many_creators_one_wins(store: BtcStore) -> None:
    def create(number: int) -> Batch | None:
        try:
            return store.batches.create(batch(number))
        except Conflict:
            return None

    with ThreadPoolExecutor(6) as pool:
        won = [one for one in pool.map(create, range(6)) if one]
        assert [one.batch_id for one in won] == [store.batches.open_batch_id()]
        store.batches.move(won[0], BatchStatus.CANCELLED)
        same = list(pool.map(lambda number: store.batches.create(batch(number + 10), key=KEY), range(6)))
    assert len({one.batch_id for one in same}) == 1
    assert store.batches.count() == 2


def test_a_batch_moves_by_what_was_read(store: BtcStore) -> None:
    made = store.batches.create(batch())
    sealed = store.batches.move(made, BatchStatus.PLANNED, plan_sha256="c" * 64, plan_sum=-5)
    assert store.batches.get("batch-001") == sealed
    with pytest.raises(Conflict, match="was changed meanwhile"):
        store.batches.move(made, BatchStatus.CANCELLED)
    with pytest.raises(Conflict, match="cannot become"):
        store.batches.move(sealed, BatchStatus.COMPLETED)


def test_two_approvals_and_a_late_third(store: BtcStore) -> None:
    sealed = planned(store)
    once = store.batches.approve(sealed, Approval("local:ann", NOW))
    twice = store.batches.approve(once, Approval("local:bob", LATER))
    assert store.batches.get(sealed.batch_id).approvals == twice.approvals
    with pytest.raises(Conflict, match="was changed meanwhile"):
        store.batches.approve(once, Approval("local:cat", LATER))
    with pytest.raises(Conflict, match="not planned"):
        store.batches.approve(replace(twice, status=BatchStatus.CANCELLED), Approval("local:cat", LATER))


def test_the_end_gives_lock_and_lease_free(store: BtcStore) -> None:
    done = finished(store)
    assert (done.lease_owner, done.lease_expires_at, done.fencing) == (None, None, 1)
    assert store.batches.get(done.batch_id) == done
    assert store.batches.open_batch_id() is None
    store.batches.create(batch(2))


def test_a_failure_after_the_seal_keeps_the_lock(store: BtcStore) -> None:
    early = store.batches.move(store.batches.create(batch()), BatchStatus.FAILED, error_message="no users")
    assert store.batches.open_batch_id() is None
    with pytest.raises(Conflict, match="failed before it was sealed"):
        store.batches.acquire(early, "w", now=NOW)
    working = store.batches.acquire(planned(store, 2), "w", now=NOW)
    failed = store.batches.move(working, BatchStatus.FAILED, error_message="the ledger differs")
    assert store.batches.open_batch_id() == "batch-002"
    again = store.batches.acquire(failed, "w", now=LATER)
    assert (again.status, again.fencing, again.error_message) == (BatchStatus.PROCESSING, 2, None)


# the lease


def test_a_lease_is_taken_over_only_when_it_ran_out(store: BtcStore) -> None:
    first = store.batches.acquire(planned(store), "w1", now=NOW)
    assert (first.status, first.started_at, first.fencing) == (BatchStatus.PROCESSING, NOW, 1)
    with pytest.raises(Conflict, match="is worked on by w1 until 2026-11-20T03:01:00Z"):
        store.batches.acquire(first, "w2", now=NOW + timedelta(seconds=59))
    renewed = store.batches.renew(first, now=NOW + timedelta(seconds=59), processed_user_count=147)
    with pytest.raises(Conflict, match="is worked on by w1"):
        store.batches.acquire(renewed, "w2", now=NOW + timedelta(seconds=61))
    second = store.batches.acquire(renewed, "w2", now=LATER)
    assert (second.fencing, second.processed_user_count, second.started_at) == (2, 147, NOW)
    for late in (
        lambda: store.batches.renew(renewed, now=LATER, processed_user_count=196),
        lambda: store.batches.release(renewed),
        lambda: store.batches.move(renewed, BatchStatus.COMPLETED),
    ):
        with pytest.raises(LeaseLost, match="taken over"):
            late()
    assert store.batches.get(first.batch_id) == second
    assert store.batches.open_batch_id() == first.batch_id


def test_of_many_workers_one_gets_the_lease(store: BtcStore) -> None:
    sealed = planned(store)

    def acquire(number: int) -> Batch | None:
        try:
            return store.batches.acquire(sealed, f"w{number}", now=NOW)
        except Conflict:
            return None

    with ThreadPoolExecutor(6) as pool:
        [won] = [one for one in pool.map(acquire, range(6)) if one]
    assert store.batches.get(sealed.batch_id) == won


def test_the_lease_of_a_dead_worker_comes_with_what_it_saved_last(store: BtcStore) -> None:
    dead = f"{socket.gethostname()}/4194305/1/ab"  # beyond any process number
    first = store.batches.acquire(planned(store), dead, now=NOW)
    store.batches.renew(first, now=NOW + timedelta(seconds=1), processed_user_count=147)
    second = store.batches.acquire(first, "w2", now=NOW + timedelta(seconds=2))
    assert (second.fencing, second.lease_owner, second.processed_user_count) == (2, "w2", 147)
    assert store.batches.get(first.batch_id) == second
    # whoever comes too late sees that it is taken, also when that one has died as well
    with pytest.raises(LeaseLost, match="taken over"):
        store.batches.acquire(first, "w3", now=NOW + timedelta(seconds=3))
    assert store.batches.get(first.batch_id) == second


def test_a_released_lease_is_free_at_once(store: BtcStore) -> None:
    first = store.batches.acquire(planned(store), "w1", now=NOW)
    released = store.batches.release(first, processed_user_count=2)
    assert store.batches.acquire(released, "w2", now=NOW).fencing == 2


# reversals


def test_a_batch_is_reversed_once(store: BtcStore) -> None:
    done = finished(store)
    back = store.batches.create(batch(2, reverses=done.batch_id))
    assert store.batches.get(done.batch_id).reversed_by == back.batch_id
    store.batches.move(back, BatchStatus.CANCELLED)
    assert store.batches.get(done.batch_id).reversed_by is None
    again = store.batches.acquire(planned(store, 3, reverses=done.batch_id), "w", now=NOW)
    store.batches.move(again, BatchStatus.COMPLETED)
    with pytest.raises(Conflict, match="batch-001 is reversed by batch-003 already"):
        store.batches.create(batch(4, reverses=done.batch_id))
    assert store.batches.open_batch_id() is None


def test_what_did_not_end_is_not_reversed(store: BtcStore) -> None:
    store.batches.move(store.batches.create(batch()), BatchStatus.CANCELLED)
    with pytest.raises(Conflict, match="batch-001 is cancelled: nothing to reverse"):
        store.batches.create(batch(2, reverses="batch-001"))
    with pytest.raises(NotFound):
        store.batches.create(batch(2, reverses="batch-777"))


# lists


def many(store: BtcStore, count: int) -> None:
    for number in range(count):
        store.batches.move(store.batches.create(batch(number)), BatchStatus.CANCELLED)


def test_cursor_and_offset_walk_the_whole_history(store: BtcStore) -> None:
    many(store, 9)
    store.batches.create(batch(9))
    newest_first = [f"batch-{number:03d}" for number in range(9, -1, -1)]
    found, cursor = [], None
    while True:
        page = store.batches.page(limit=4, cursor=cursor)
        found += [one.batch_id for one in page.batches]
        cursor = page.cursor
        if cursor is None:
            break
    assert found == newest_first
    by_offset = [one.batch_id for at in (0, 4, 8, 12) for one in store.batches.page(limit=4, offset=at).batches]
    assert by_offset == newest_first
    assert store.batches.count() == 10
    assert store.batches.count(BatchStatus.CANCELLED) == 9
    assert [one.batch_id for one in store.batches.each(BatchStatus.PENDING)] == ["batch-009"]
    assert store.batches.page(status=BatchStatus.FAILED, limit=4).batches == ()


def test_a_cursor_holds_while_batches_come_in(store: BtcStore) -> None:
    many(store, 4)
    page = store.batches.page(limit=2)
    many_more = store.batches.create(batch(50))
    store.batches.move(many_more, BatchStatus.CANCELLED)
    rest = store.batches.page(limit=4, cursor=page.cursor)
    assert [one.batch_id for one in (*page.batches, *rest.batches)] == [f"batch-{n:03d}" for n in (3, 2, 1, 0)]
    for wrong in ("x", "WyJhIl0", page.cursor or ""):
        with pytest.raises(InvalidInput, match="cursor is not one of this list"):
            store.batches.page(status=BatchStatus.FAILED, limit=2, cursor=wrong)


def test_a_stale_index_is_only_a_hint(store: BtcStore, distant: BtcStore, dynamo_proxy: DynamoProxy) -> None:
    """The index still has a batch as pending that was cancelled, and one that is gone."""
    store.batches.move(store.batches.create(batch()), BatchStatus.CANCELLED)
    pending = store.batches.create(batch(2))
    items = [{"batch_id": {"S": name}} for name in ("batch-001", "batch-002", "batch-777")]
    dynamo_proxy.freeze("Query", json.dumps({"Items": items, "Count": 3, "ScannedCount": 3}).encode())
    assert distant.batches.page(status=BatchStatus.PENDING, limit=10).batches == (pending,)


# faults


def test_lost_replies_do_not_lose_the_move(distant: BtcStore, dynamo_proxy: DynamoProxy) -> None:
    dynamo_proxy.lose_reply("TransactWriteItems")
    made = distant.batches.create(batch(), key=KEY)
    dynamo_proxy.lose_reply("UpdateItem")
    sealed = distant.batches.move(made, BatchStatus.PLANNED, plan_sha256="c" * 64)
    dynamo_proxy.lose_reply("UpdateItem")
    working = distant.batches.acquire(sealed, "w", now=NOW)
    dynamo_proxy.lose_reply("TransactWriteItems", times=4)
    with pytest.raises(TransientFailure):
        distant.batches.move(working, BatchStatus.COMPLETED, completed_at=LATER)
    ended = distant.batches.move(working, BatchStatus.COMPLETED, completed_at=LATER)
    assert distant.batches.get("batch-001") == ended
    assert dynamo_proxy.count("UpdateItem") == 4


def test_a_creation_whose_reply_was_lost_meets_itself(distant: BtcStore, dynamo_proxy: DynamoProxy) -> None:
    dynamo_proxy.lose_reply("TransactWriteItems", times=4)
    with pytest.raises(TransientFailure):
        distant.batches.create(batch())
    assert distant.batches.create(batch()) == batch()


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError"])
def test_a_cancelled_transaction_is_tried_again(distant: BtcStore, dynamo_proxy: DynamoProxy, reason: str) -> None:
    dynamo_proxy.cancel("TransactWriteItems", reason, times=3)
    made = distant.batches.create(batch())
    dynamo_proxy.cancel("TransactWriteItems", reason, times=3)
    distant.batches.move(made, BatchStatus.CANCELLED)
    assert distant.batches.open_batch_id() is None
    dynamo_proxy.cancel("TransactWriteItems", reason, times=99)
    with pytest.raises(TransientFailure, match="also after 4 attempts"):
        distant.batches.create(batch(2))


def test_an_update_waits_for_a_transaction_on_its_batch(distant: BtcStore, dynamo_proxy: DynamoProxy) -> None:
    made = distant.batches.create(batch())
    dynamo_proxy.refuse("UpdateItem", "TransactionConflictException", times=3)
    assert distant.batches.amend(made, memo="other") == distant.batches.get("batch-001")
    dynamo_proxy.refuse("UpdateItem", "TransactionConflictException", times=4)
    with pytest.raises(TransientFailure, match=r"batch-001: .* throttled, also after 4 attempts"):
        distant.batches.amend(made, memo="third")


def test_lock_and_key_items_have_no_attribute_of_an_index(store: BtcStore) -> None:
    store.batches.create(batch(), key=KEY)
    for name in ("lock#btc_adjustment", f"key#{KEY.key_hash}"):
        item = store.batches._item(name)
        assert item is not None
        assert not {"status", "operation_type", "created_at"} & item.keys()
    assert {"status", "operation_type", "created_at"} <= batch_item(batch()).keys()

"""Ledger rows with their balances on a real DynamoDB: each once, through every fault that DynamoDB is known for."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from batch_platform.btc.model import HOUSE, LEDGER_SCHEMA, RowState, TransactionType, UserStatus
from batch_platform.btc.store import BELOW_ZERO, NO_BALANCE, ROWS_AT_MOST, BtcStore, Header, Opening, Outcome
from batch_platform.core.cursors import encode
from batch_platform.core.failures import InvalidInput, PermanentFailure, TransientFailure
from batch_platform_tests.btc.conftest import NOW, SteppingClock
from batch_platform_tests.dynamo_proxy import DynamoProxy

BTC = 10**8
HEADER = Header("batch-1", TransactionType.ADJUSTMENT, NOW, "local:ann", "November")


def names(count: int) -> list[str]:
    return [f"user-{number:04d}" for number in range(count)]


def seed(store: BtcStore, count: int, balance: int = BTC) -> list[str]:
    users = names(count)
    store.accounts.open_many([Opening(one, balance, UserStatus.ACTIVE) for one in users], created_by="seed")
    return users


def rows(users: list[str], amount: int = 5) -> list[tuple[str, int]]:
    return [(user, amount) for user in users]


def balances(store: BtcStore) -> dict[str, int]:
    return {user: one.balance for user, one in store.accounts.balances(names(60)).items()}


def test_a_chunk_is_booked_with_its_balances(store: BtcStore) -> None:
    users = seed(store, ROWS_AT_MOST)
    amounts = [(user, number - 20) for number, user in enumerate(users)]
    assert store.ledger.write_chunk(HEADER, amounts) == Outcome(applied=ROWS_AT_MOST)
    assert balances(store) == {user: BTC + amount for user, amount in amounts}
    frame = store.ledger.rows("batch-1", 1)
    assert dict(frame.schema) == LEDGER_SCHEMA
    assert dict(frame.select("user_id", "amount").rows()) == dict(amounts)
    assert set(frame.get_column("state")) == {"applied"}
    [row] = store.ledger.history(users[3], limit=1).rows
    assert (row.transaction_id, row.amount, row.memo, row.created_by) == ("batch-1", -17, "November", "local:ann")
    assert (row.created_at, row.state, row.transaction_type) == (NOW, RowState.APPLIED, TransactionType.ADJUSTMENT)
    assert store.accounts.balances([users[3]])[users[3]].updated_at == row.committed_at


def test_the_same_chunk_again_books_nothing(store: BtcStore) -> None:
    users = seed(store, 10)
    store.ledger.write_chunk(HEADER, rows(users[:4]))
    assert store.ledger.write_chunk(HEADER, rows(users)) == Outcome(applied=10, already=4)
    assert store.ledger.write_chunk(HEADER, rows(users)) == Outcome(applied=10, already=10)
    assert set(balances(store).values()) == {BTC + 5}


def test_another_amount_in_the_ledger_stops(store: BtcStore) -> None:
    users = seed(store, 3)
    store.ledger.write_chunk(HEADER, [(users[1], 7)])
    with pytest.raises(PermanentFailure, match=r"ledger differs: batch-1 books 0\.00000007 BTC for user-0001, not"):
        store.ledger.write_chunk(HEADER, rows(users))
    assert balances(store) == {users[0]: BTC, users[1]: BTC + 7, users[2]: BTC}


def test_a_user_who_cannot_pay_fails_alone_and_for_good(store: BtcStore) -> None:
    users = seed(store, 5)
    store.accounts.deposit(users[2], -BTC, transaction_id="w-1", created_by="x")
    outcome = store.ledger.write_chunk(HEADER, [*rows(users, -5), ("nobody", 5)])
    assert outcome == Outcome(applied=4, failed={users[2]: BELOW_ZERO, "nobody": NO_BALANCE})
    store.accounts.deposit(users[2], BTC, transaction_id="d-1", created_by="x")
    late = store.ledger.write_chunk(HEADER, [*rows(users, -5), ("nobody", 5)])
    assert late == Outcome(applied=4, already=4, failed=outcome.failed)
    assert balances(store)[users[2]] == BTC
    failed = store.ledger.rows("batch-1", 1).filter(state="failed").select("user_id", "amount", "reason").rows()
    assert failed == [("nobody", 0, NO_BALANCE), (users[2], 0, BELOW_ZERO)]


def test_the_last_satoshi_may_go_and_not_one_more(store: BtcStore) -> None:
    users = seed(store, 2, balance=2_099_999_997_690_000)
    outcome = store.ledger.write_chunk(
        HEADER, [(users[0], -2_099_999_997_690_000), (users[1], -2_099_999_997_690_001)]
    )
    assert outcome.failed == {users[1]: BELOW_ZERO}
    assert balances(store) == {users[0]: 0, users[1]: 2_099_999_997_690_000}


def test_the_house_may_owe_and_is_written_once(store: BtcStore) -> None:
    seed(store, 1)
    assert store.ledger.write_house(HEADER, -500) == Outcome(applied=1)
    assert store.ledger.write_house(HEADER, -500) == Outcome(applied=1, already=1)
    assert store.accounts.balances([HOUSE])[HOUSE].balance == -500
    assert store.ledger.rows("batch-1", 1).select("user_id", "amount").rows() == [(HOUSE, -500)]
    with pytest.raises(PermanentFailure, match="the ledger differs"):
        store.ledger.write_house(HEADER, -499)


def test_two_workers_at_once_book_each_row_once(store: BtcStore) -> None:
    users = seed(store, 40)
    with ThreadPoolExecutor(4) as pool:
        parts = [users, users[::-1], users[20:] + users[:20], users]
        outcomes = list(pool.map(lambda part: store.ledger.write_chunk(HEADER, rows(part)), parts))
    assert [one.applied for one in outcomes] == [40] * 4
    assert sum(one.already for one in outcomes) == 120
    assert balances(store) == dict.fromkeys(users, BTC + 5)
    assert {one.version for one in store.accounts.balances(users).values()} == {2}


def test_rows_of_a_user_are_later_and_later_on_a_clock_that_goes_back(store: BtcStore, clock: SteppingClock) -> None:
    [user] = seed(store, 1)
    for number in range(4):
        clock.now -= timedelta(seconds=number)
        store.accounts.deposit(user, 1, transaction_id=f"d-{number}", created_by="x")
    history = store.ledger.all_of_user(user)
    assert [one.transaction_id for one in history] == [f"opening-{user}", "d-0", "d-1", "d-2", "d-3"]
    moments = [one.committed_at for one in history]
    assert len(set(moments)) == 5
    assert store.accounts.balances([user])[user].updated_at == moments[-1]


def test_rows_over_sixteen_keys(store: BtcStore) -> None:
    users = seed(store, 49)
    header = Header("batch-2", TransactionType.ADJUSTMENT, NOW, "x", shards=16)
    store.ledger.write_chunk(header, rows(users))
    assert store.ledger.write_chunk(header, rows(users)).already == 49
    store.ledger.write_house(header, -5 * 49)
    frame = store.ledger.rows("batch-2", 16)
    assert frame.get_column("user_id").to_list() == sorted([*users, HOUSE])
    assert frame.get_column("amount").sum() == 0
    assert store.ledger.rows("batch-2", 1).is_empty()


def test_several_readers_find_the_rows_that_one_finds(store: BtcStore) -> None:
    """Whoever is known to be in the batch: all, some, nobody, or others before, between and after them."""
    users = sorted(seed(store, 49))
    store.ledger.write_chunk(HEADER, rows(users))
    store.ledger.write_house(HEADER, -5 * 49)
    alone = store.ledger.rows("batch-1", 1)
    assert alone.height == 50
    for known in ([], users[:1], users[-2:], users[::7], users, ["", *users[10:20], f"{users[20]}b", "zz"], ["zz"]):
        assert store.ledger.rows("batch-1", 1, pl.Series(known, dtype=pl.String())).equals(alone)


@pytest.mark.parametrize("shards", [1, 16])
def test_pages_of_rows_cover_all_but_the_house(store: BtcStore, shards: int) -> None:
    users = seed(store, 49)
    header = Header("batch-3", TransactionType.ADJUSTMENT, NOW, "x", shards=shards)
    store.ledger.write_chunk(header, rows(users))
    store.ledger.write_house(header, -5 * 49)
    found, cursor = [], None
    while True:
        page = store.ledger.page("batch-3", shards, limit=10, cursor=cursor)
        found += [row.user_id for row in page.rows]
        cursor = page.cursor
        if cursor is None:
            break
        assert len(page.rows) == 10
    assert sorted(found) == users
    for wrong in ("WyI5OSIsIiJd", encode({"shard": shards, "after": ""}), encode({"shard": -1, "after": ""})):
        with pytest.raises(InvalidInput, match="cursor is not one of this list"):
            store.ledger.page("batch-3", shards, limit=10, cursor=wrong)


def test_the_history_of_a_user_pages(store: BtcStore) -> None:
    [user] = seed(store, 1)
    for number in range(5):
        store.accounts.deposit(user, number + 1, transaction_id=f"d-{number}", created_by="x")
    first = store.ledger.history(user, limit=4)
    second = store.ledger.history(user, limit=4, cursor=first.cursor)
    found = [row.transaction_id for row in (*first.rows, *second.rows)]
    assert found == ["d-4", "d-3", "d-2", "d-1", "d-0", f"opening-{user}"]
    assert second.cursor is None


def test_users_that_one_transaction_cannot_take(store: BtcStore) -> None:
    for wrong in (names(50), ["user-0001", "user-0001"]):
        with pytest.raises(InvalidInput, match="takes 49 users, each once"):
            store.ledger.write_chunk(HEADER, rows(wrong))


# faults


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_cancelled_chunk_is_tried_again(
    distant: BtcStore, store: BtcStore, dynamo_proxy: DynamoProxy, reason: str
) -> None:
    users = seed(store, 5)
    dynamo_proxy.cancel("TransactWriteItems", reason)
    assert distant.ledger.write_chunk(HEADER, rows(users)) == Outcome(applied=5)
    assert dynamo_proxy.count("TransactWriteItems") == 2
    assert balances(store) == dict.fromkeys(users, BTC + 5)


def test_conflicts_in_a_row_end_user_by_user(distant: BtcStore, store: BtcStore, dynamo_proxy: DynamoProxy) -> None:
    users = seed(store, 5)
    dynamo_proxy.cancel("TransactWriteItems", "TransactionConflict", times=4)
    assert distant.ledger.write_chunk(HEADER, rows(users)) == Outcome(applied=5)
    assert dynamo_proxy.count("TransactWriteItems") == 2 + 5 + 2
    assert balances(store) == dict.fromkeys(users, BTC + 5)


def test_conflicts_without_end_are_a_transient_failure(
    distant: BtcStore, store: BtcStore, dynamo_proxy: DynamoProxy
) -> None:
    users = seed(store, 2)
    dynamo_proxy.cancel("TransactWriteItems", "TransactionConflict", times=99)
    with pytest.raises(TransientFailure, match="writes collide or are throttled, also after 4 attempts"):
        distant.ledger.write_chunk(HEADER, rows(users))
    assert balances(store) == dict.fromkeys(users, BTC)


def test_a_failure_is_noted_though_a_transaction_is_at_work(
    distant: BtcStore, store: BtcStore, dynamo_proxy: DynamoProxy
) -> None:
    seed(store, 1)
    dynamo_proxy.refuse("PutItem", "TransactionConflictException", times=3)
    assert distant.ledger.write_chunk(HEADER, [("nobody", 5)]).failed == {"nobody": NO_BALANCE}
    assert dynamo_proxy.count("PutItem") == 4


def test_a_lost_reply_books_once(distant: BtcStore, store: BtcStore, dynamo_proxy: DynamoProxy) -> None:
    users = seed(store, 5)
    dynamo_proxy.lose_reply("TransactWriteItems")
    assert distant.ledger.write_chunk(HEADER, rows(users)).applied == 5
    assert balances(store) == dict.fromkeys(users, BTC + 5)


def test_replies_lost_for_good_leave_rows_that_the_next_call_finds(
    distant: BtcStore, store: BtcStore, dynamo_proxy: DynamoProxy
) -> None:
    users = seed(store, 5)
    dynamo_proxy.lose_reply("TransactWriteItems", times=4)
    with pytest.raises(TransientFailure, match="the connection to AWS failed"):
        distant.ledger.write_chunk(HEADER, rows(users))
    assert distant.ledger.write_chunk(HEADER, rows(users)) == Outcome(applied=5, already=5)
    assert balances(store) == dict.fromkeys(users, BTC + 5)


def test_keys_left_unprocessed_are_asked_for_again(
    distant: BtcStore, store: BtcStore, dynamo_proxy: DynamoProxy
) -> None:
    users = seed(store, 20)
    store.ledger.write_chunk(HEADER, rows(users))
    dynamo_proxy.leave_unprocessed(times=3)
    dynamo_proxy.leave_unprocessed(all_keys=True)
    assert distant.ledger.write_chunk(HEADER, rows(users)) == Outcome(applied=20, already=20)
    assert dynamo_proxy.count("BatchGetItem") == 5
    dynamo_proxy.leave_unprocessed(times=99, all_keys=True)
    with pytest.raises(TransientFailure, match="reads are throttled"):
        distant.ledger.write_chunk(HEADER, rows(users))


def test_a_refusal_that_nothing_explains_is_tried_again_and_then_given_up(
    distant: BtcStore, store: BtcStore, dynamo_proxy: DynamoProxy
) -> None:
    users = seed(store, 2)
    dynamo_proxy.cancel("TransactWriteItems", "ConditionalCheckFailed")
    assert distant.ledger.write_chunk(HEADER, rows(users)) == Outcome(applied=2)
    dynamo_proxy.cancel("TransactWriteItems", "ConditionalCheckFailed", times=99)
    header = Header("batch-9", TransactionType.ADJUSTMENT, NOW, "x")
    with pytest.raises(TransientFailure, match="balances change too fast"):
        distant.ledger.write_chunk(header, rows(users))


def test_a_failure_noted_while_another_worker_books_the_row(
    distant: BtcStore, store: BtcStore, dynamo_proxy: DynamoProxy
) -> None:
    """The worker sees too small a balance; before it notes that, another books the row."""
    [user] = seed(store, 1)
    store.accounts.deposit(user, 1 - BTC, transaction_id="w-1", created_by="x")
    dynamo_proxy.cancel("TransactWriteItems", "ConditionalCheckFailed")
    poor: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {}}
    dynamo_proxy.freeze("BatchGetItem", json.dumps(poor).encode())
    balance = {"user_id": {"S": user}, "balance": {"N": "0.00000001"}, "version": {"N": "2"}}
    table = store.accounts._tables.balances
    dynamo_proxy.freeze(
        "BatchGetItem",
        json.dumps({"Responses": {table: [balance]}, "UnprocessedKeys": {}}).encode(),
    )
    store.accounts.deposit(user, BTC, transaction_id="d-1", created_by="x")
    store.ledger.write_chunk(HEADER, [(user, -5)])
    assert distant.ledger.write_chunk(HEADER, [(user, -5)]) == Outcome(applied=1, already=1)
    assert dynamo_proxy.count("PutItem") == 1
    assert store.ledger.rows("batch-1", 1).rows() == [(user, -5, "applied", None)]

"""Users and balances on a real DynamoDB: opened once, paid in and out, read as of a cut-off."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from batch_platform.btc.model import HOUSE, UserStatus
from batch_platform.btc.store import BtcStore, Opening
from batch_platform.core.failures import Conflict, InvalidInput, NotFound, PermanentFailure, TransientFailure
from batch_platform_tests.btc.conftest import SteppingClock
from batch_platform_tests.btc.service_tools import Stage
from batch_platform_tests.dynamo_proxy import DynamoProxy

BTC = 10**8
ODD = 2_099_999_997_690_000


def openings(count: int) -> list[Opening]:
    odd = {0: 0, 1: 1, 2: ODD}
    statuses = {3: UserStatus.SUSPENDED, 4: UserStatus.CLOSED}
    return [
        Opening(f"user-{number:04d}", odd.get(number, BTC), statuses.get(number, UserStatus.ACTIVE))
        for number in range(count)
    ]


def test_users_are_opened_once(store: BtcStore) -> None:
    assert store.accounts.open_many(openings(80), created_by="seed") == 80
    store.accounts.deposit("user-0007", 5, transaction_id="d-1", created_by="x")
    assert store.accounts.open_many(openings(100), created_by="seed") == 20
    users = dict(store.accounts.scan_users().rows())
    assert len(users) == 101
    assert (users["user-0003"], users["user-0004"], users[HOUSE]) == ("suspended", "closed", "house")
    balances = {row[0]: row[1:3] for row in store.accounts.scan_balances().rows()}
    assert (balances["user-0000"], balances["user-0001"], balances["user-0002"]) == ((0, 0), (1, 1), (ODD, 1))
    assert (balances["user-0007"], balances[HOUSE]) == ((BTC + 5, 2), (0, 0))
    assert [row.amount for row in store.ledger.all_of_user("user-0002")] == [ODD]
    assert store.ledger.all_of_user("user-0000") == []


@pytest.mark.parametrize(
    "wrong",
    [
        Opening("", 0, UserStatus.ACTIVE),
        Opening(HOUSE, 0, UserStatus.ACTIVE),
        Opening("u", -1, UserStatus.ACTIVE),
        Opening("u", 0, UserStatus.HOUSE),
    ],
)
def test_who_cannot_be_opened(store: BtcStore, wrong: Opening) -> None:
    with pytest.raises(InvalidInput, match="cannot be opened so"):
        store.accounts.open_many([wrong], created_by="seed")


def test_opening_through_throttles_and_lost_replies(distant: BtcStore, dynamo_proxy: DynamoProxy) -> None:
    dynamo_proxy.cancel("TransactWriteItems", "TransactionConflict", times=2)
    dynamo_proxy.lose_reply("TransactWriteItems", times=2)
    assert distant.accounts.open_many(openings(80), created_by="seed") == 80
    assert distant.accounts.scan_balances().height == 81
    dynamo_proxy.cancel("TransactWriteItems", "ThrottlingError", times=99)
    with pytest.raises(TransientFailure, match="opening users"):
        distant.accounts.open_many(openings(90), created_by="seed")


def test_deposits_and_withdrawals_are_booked_once(store: BtcStore) -> None:
    store.accounts.open_many(openings(6), created_by="seed")
    assert store.accounts.deposit("user-0005", 7, transaction_id="d-1", created_by="x", memo="gift")
    assert not store.accounts.deposit("user-0005", 7, transaction_id="d-1", created_by="x", memo="gift")
    with pytest.raises(PermanentFailure, match="the ledger differs"):
        store.accounts.deposit("user-0005", 8, transaction_id="d-1", created_by="x")
    with pytest.raises(Conflict, match="too small"):
        store.accounts.deposit("user-0005", -BTC - 8, transaction_id="w-1", created_by="x")
    assert store.accounts.deposit("user-0005", -BTC - 7, transaction_id="w-1", created_by="x")
    with pytest.raises(NotFound, match="nobody has no balance"):
        store.accounts.deposit("nobody", 1, transaction_id="d-2", created_by="x")
    with pytest.raises(InvalidInput, match="amount of 0"):
        store.accounts.deposit("user-0005", 0, transaction_id="d-3", created_by="x")
    assert store.accounts.balances(["user-0005", "nobody"])["user-0005"].balance == 0
    kinds = [str(row.transaction_type) for row in store.ledger.all_of_user("user-0005")]
    assert kinds == ["deposit", "deposit", "withdrawal"]


def test_a_status_is_changed(store: BtcStore) -> None:
    store.accounts.open_many(openings(1), created_by="seed")
    store.accounts.set_status("user-0000", UserStatus.CLOSED)
    assert store.accounts.users(["user-0000", "nobody"])["user-0000"].status is UserStatus.CLOSED
    with pytest.raises(NotFound):
        store.accounts.set_status("nobody", UserStatus.CLOSED)


def test_balances_are_taken_back_to_the_cutoff(store: BtcStore, clock: SteppingClock) -> None:
    store.accounts.open_many(openings(40), created_by="seed")
    store.accounts.deposit("user-0005", 7, transaction_id="d-1", created_by="x")
    cutoff = clock()
    for number in range(3):
        store.accounts.deposit("user-0005", 100, transaction_id=f"later-{number}", created_by="x")
    store.accounts.deposit("user-0002", -ODD, transaction_id="later-9", created_by="x")
    store.accounts.open_many(openings(41), created_by="seed")
    then = dict(store.accounts.balances_at(cutoff).balances.rows())
    assert (then["user-0005"], then["user-0002"], then["user-0006"], then["user-0040"]) == (BTC + 7, ODD, BTC, 0)
    now = dict(store.accounts.balances_at(clock()).balances.rows())
    assert (now["user-0005"], now["user-0002"], now["user-0040"]) == (BTC + 307, 0, BTC)


def test_a_clock_that_is_ahead_is_told_and_takes_nothing_back(
    store: BtcStore, stage: Stage, clock: SteppingClock
) -> None:
    store.accounts.open_many(openings(8), created_by="seed")
    fast = Stage(stage.dynamodb, stage.tables, stage.s3, stage.bucket, SteppingClock(clock.now + timedelta(hours=1)))
    fast.context().store.accounts.deposit("user-0005", 7, transaction_id="early", created_by="x")
    cutoff = clock()
    store.accounts.deposit("user-0006", 7, transaction_id="later", created_by="x")
    found = store.accounts.balances_at(cutoff)
    then = dict(found.balances.rows())
    assert (then["user-0005"], then["user-0006"]) == (BTC + 7, BTC)
    assert {user: at > clock() + timedelta(minutes=59) for user, at in found.ahead.items()} == {"user-0005": True}


def answer(*rows: Any) -> bytes:
    return json.dumps({"Items": rows, "Count": len(rows), "ScannedCount": len(rows)}).encode()


def test_an_index_that_lags_is_asked_again(
    store: BtcStore, distant: BtcStore, dynamo_proxy: DynamoProxy, clock: SteppingClock
) -> None:
    store.accounts.open_many(openings(6), created_by="seed")
    cutoff = clock()
    store.accounts.deposit("user-0005", 100, transaction_id="later", created_by="x")
    dynamo_proxy.freeze("Query", answer())
    assert dict(distant.accounts.balances_at(cutoff).balances.rows())["user-0005"] == BTC
    assert dynamo_proxy.count("Query") == 2
    for _ in range(4):
        dynamo_proxy.freeze("Query", answer())
    with pytest.raises(TransientFailure, match="index shows 0 of 2 rows"):
        distant.accounts.balances_at(cutoff)

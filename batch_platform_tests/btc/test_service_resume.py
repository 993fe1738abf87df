"""A worker that takes a batch over: what is in the ledger is counted and not sent again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from batch_platform.btc import service
from batch_platform.btc.items import row_key
from batch_platform.btc.model import HOUSE, Batch, BatchStatus
from batch_platform.btc.plan import pending
from batch_platform.core.dynamodb import Reason, Requests
from batch_platform.core.failures import PermanentFailure
from batch_platform_tests.btc.service_tools import (
    BTC,
    Killed,
    Mortal,
    Stage,
    balances,
    booked,
    expected,
    made,
    open_users,
)

TAKES_LEASE = 1


class Watched(Requests):
    """Requests that remember whose rows were sent."""

    def __init__(self, dynamodb: Any) -> None:
        super().__init__(dynamodb)
        self.sent: list[str] = []

    def transact(self, writes: Sequence[Any], where: str) -> list[Reason]:
        puts = [write["Put"]["Item"] for write in writes if "Put" in write]
        self.sent += [put["user_id"]["S"] for put in puts if "amount" in put and put["user_id"]["S"] != HOUSE]
        return super().transact(writes, where)


def killed_after(stage: Stage, batch: Batch, chunks: int) -> None:
    """A worker that dies when it has written so many chunks, and has noted none of them."""
    dying = replace(stage.context(Mortal(stage.dynamodb, TAKES_LEASE + chunks)), heartbeat=600.0)
    with pytest.raises(Killed):
        service.run(dying, batch.batch_id)
    assert service.batch(dying, batch.batch_id).processed_user_count == 0
    stage.later()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("shards", [1, 16])
def test_only_chunks_that_are_missing_are_sent(stage: Stage, shards: int) -> None:
    context = stage.context(shards=shards)
    before = open_users(context)
    batch = made(context)
    killed_after(stage, batch, 2)
    there = booked(context, batch)
    watched = Watched(stage.dynamodb)
    done = service.run(replace(stage.context(watched), heartbeat=600.0), batch.batch_id)
    amounts = expected(before, "5")
    assert len(there) == 6
    assert sorted(watched.sent) == sorted(amounts.keys() - there.keys())
    assert done.status is BatchStatus.COMPLETED
    assert done.counters.applied == len(amounts)
    assert booked(context, done) == amounts
    assert balances(context) == {user: balance + amounts.get(user, 0) for user, balance in before.items()}
    assert service.verify(context).ok


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_row_that_failed_before_the_kill_stays_failed(stage: Stage) -> None:
    """Its user has money again by the time the next worker comes."""
    context = stage.context()
    open_users(context)
    batch = made(context, "-50")
    [first, *_] = pending(service.sealed_rows(context, batch.batch_id)).get_column("user_id").to_list()
    had = balances(context)[first]
    context.store.accounts.deposit(first, -had, transaction_id="out", created_by="x")
    # the first chunk takes two writes more: refused, then noted, then the others of it
    killed_after(stage, batch, 6)
    context.store.accounts.deposit(first, BTC, transaction_id="in", created_by="x")
    watched = Watched(stage.dynamodb)
    done = service.run(stage.context(watched), batch.batch_id)
    assert first not in watched.sent
    assert [one.user_id for one in service.failed_users(context, batch.batch_id)] == [first]
    assert done.status is BatchStatus.COMPLETED_WITH_FAILURES
    assert (done.counters.failed, done.counters.pending) == (1, 0)
    assert balances(context)[first] == BTC
    assert service.verify(context).ok


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_counts_on_the_batch_are_not_believed(stage: Stage) -> None:
    """What is done stands in the ledger alone."""
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    killed_after(stage, batch, 1)
    wrong = {"processed_user_count": 6, "failed_user_count": 1, "applied_sum": 123}
    context.store.batches.amend(service.batch(context, batch.batch_id), **wrong)
    done = service.run(context, batch.batch_id)
    amounts = expected(before, "5")
    assert booked(context, done) == amounts
    assert (done.counters.applied, done.applied_sum) == (len(amounts), sum(amounts.values()))
    assert service.verify(context).ok


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_row_that_is_not_as_sealed_stops_the_next_worker(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    killed_after(stage, batch, 2)
    [user, *_] = booked(context, batch)
    stage.dynamodb.update_item(
        TableName=stage.tables.transactions,
        Key=row_key(batch.batch_id, user, 1),
        UpdateExpression="SET amount = :other",
        ExpressionAttributeValues={":other": {"N": "0.00000001"}},
    )
    with pytest.raises(PermanentFailure, match=f"ledger differs: .* for {user}, not"):
        service.run(context, batch.batch_id)
    assert service.batch(context, batch.batch_id).status is BatchStatus.FAILED

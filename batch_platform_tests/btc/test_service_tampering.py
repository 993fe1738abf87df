"""What somebody changed beside the platform is found, and stops a batch or leaves it to the next worker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batch_platform.btc import service
from batch_platform.btc.model import BatchStatus
from batch_platform.btc.store import BtcStore, Ledger, Outcome
from batch_platform.core.failures import Conflict, NotFound, PermanentFailure, TransientFailure
from batch_platform_tests.btc.service_tools import (
    ANN,
    Stage,
    booked,
    expected,
    made,
    open_users,
)
from batch_platform_tests.dynamo_proxy import DynamoProxy


def test_verify_finds_what_was_tampered_with(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    done = service.run(context, made(context).batch_id)
    back = service.run(context, service.reverse(context, done.batch_id, by=ANN, approve=True).batch_id)
    key = {"transaction_id": {"S": done.batch_id}, "user_id": {"S": "user-05"}}
    for amount, ok in (("0.05000001", False), ("0.05", True)):
        stage.dynamodb.update_item(
            TableName=stage.tables.transactions,
            Key=key,
            UpdateExpression="SET amount = :amount",
            ExpressionAttributeValues={":amount": {"N": amount}},
        )
        found = service.verify(context)
        assert found.ok is ok
        assert [one.user_id for one in found.balances.differences] == ([] if ok else ["user-05"])
        failed = {proof.batch_id: {one.name for one in proof.failed} for proof in found.proofs}
        wanted = (set(), set()) if ok else ({"amounts_equal", "zero_sum"}, {"negates"})
        assert (failed[done.batch_id], failed[back.batch_id]) == wanted
        assert service.verify(context, done.batch_id).ok is ok
    context.store.batches.amend(done, processed_user_count=8)
    [proof] = service.verify(context, done.batch_id).proofs
    assert [one.name for one in proof.failed] == ["counters"]
    context.store.batches.amend(context.store.batches.get(done.batch_id), plan_sha256="0" * 64)
    assert [one.name for one in service.proof(context, done.batch_id).failed] == ["hash_equal"]


def test_a_foreign_amount_in_the_ledger_stops_the_batch_and_keeps_its_lock(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    context.store.accounts.deposit("user-05", 1, transaction_id=batch.batch_id, created_by="thief")
    for _ in range(2):
        with pytest.raises(PermanentFailure, match="the ledger differs"):
            service.run(context, batch.batch_id)
        failed = service.batch(context, batch.batch_id)
        assert (failed.status, failed.lease_owner) == (BatchStatus.FAILED, None)
        assert "the ledger differs" in (failed.error_message or "")
    with pytest.raises(Conflict, match="is open"):
        made(context)
    assert service.waiting_for_worker(context) == []
    stage.dynamodb.delete_item(
        TableName=stage.tables.transactions,
        Key={"transaction_id": {"S": batch.batch_id}, "user_id": {"S": "user-05"}},
    )
    assert service.run(context, batch.batch_id).status is BatchStatus.COMPLETED
    assert service.proof(context, batch.batch_id).ok
    # the satoshi the thief has put in is still there, and no row says why
    assert [one.user_id for one in service.verify(context).balances.differences] == ["user-05"]


def test_rows_that_are_not_there_though_they_were_written_stop_the_batch(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    monkeypatch.setattr(Ledger, "write_chunk", lambda *asked: Outcome(applied=3))
    with pytest.raises(PermanentFailure, match=r"9 rows of batch .* are not in the ledger"):
        service.run(context, batch.batch_id)
    failed = service.batch(context, batch.batch_id)
    assert (failed.status, failed.processed_user_count) == (BatchStatus.FAILED, 0)
    monkeypatch.undo()
    done = service.run(context, batch.batch_id)
    assert booked(context, done) == expected(before, "5")
    assert service.verify(context).ok


def test_a_lake_without_the_plan_fails_the_batch(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    lost = context.store.batches.amend(batch, plan_sha256="0" * 64)
    with pytest.raises(NotFound, match="no such plan"):
        service.run(context, batch.batch_id)
    failed = service.batch(context, batch.batch_id)
    assert failed.status is BatchStatus.FAILED
    context.store.batches.amend(failed, plan_sha256=batch.plan_sha256)
    assert service.run(context, lost.batch_id).status is BatchStatus.COMPLETED


def test_what_may_pass_leaves_the_batch_to_the_next_worker(
    stage: Stage, distant: BtcStore, dynamo_proxy: DynamoProxy
) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    dynamo_proxy.cancel("TransactWriteItems", "TransactionConflict", times=99)
    with pytest.raises(TransientFailure):
        service.run(replace(context, store=distant), batch.batch_id)
    left = service.batch(context, batch.batch_id)
    assert (left.status, left.lease_owner) == (BatchStatus.PROCESSING, None)
    assert service.waiting_for_worker(context) == [left]
    done = service.run(stage.context(), batch.batch_id)
    assert booked(context, done) == expected(before, "5")
    assert service.verify(context).ok

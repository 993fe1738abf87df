"""The use cases on a real DynamoDB and S3: preview, create, approve, apply, prove, reverse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from batch_platform.btc import service
from batch_platform.btc.model import HOUSE, BatchStatus, Exclusion, Rounding, RowState, UserStatus, reversal_of
from batch_platform.btc.store import BELOW_ZERO
from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.core.progress import listening
from batch_platform_tests.btc.clock import SteppingClock
from batch_platform_tests.btc.service_tools import (
    ANN,
    BOB,
    BTC,
    Stage,
    approved,
    balances,
    booked,
    expected,
    house,
    made,
    open_users,
)


def test_a_batch_from_preview_to_proof(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    seen = service.preview(context, "5")
    assert context.store.batches.count() == 0
    batch = service.create(context, "5.0", by=ANN, memo=" November ")
    assert (batch.status, batch.approvals, batch.memo) == (BatchStatus.PLANNED, (), "November")
    assert (batch.plan_sha256, batch.plan_sum) == (seen.plan_sha256, seen.plan_sum)
    # 0 has nothing, 1 and 10 satoshi round to none, 2 are inactive
    assert (batch.target_user_count, batch.skipped_zero_count, batch.excluded_count) == (11, 2, 3)
    with pytest.raises(Conflict, match=r"waits for 1 more approval"):
        service.run(context, batch.batch_id)
    assert service.waiting_for_worker(context) == []
    approved(context, batch)
    assert [one.batch_id for one in service.waiting_for_worker(context)] == [batch.batch_id]
    told: list[str] = []
    with listening(told.append):
        done = service.run(context, batch.batch_id)
    assert told[-1] == f"{batch.batch_id}: completed, 9 users booked"
    wanted = expected(before, "5")
    assert booked(context, done) == wanted
    assert balances(context) == {user: balance + wanted.get(user, 0) for user, balance in before.items()}
    assert (done.status, done.counters) == (BatchStatus.COMPLETED, (11, 9, 2, 0, 0, 3))
    assert done.applied_sum == done.plan_sum == sum(wanted.values()) == -house(context)
    assert (done.lease_owner, context.store.batches.open_batch_id(), service.waiting_for_worker(context)) == (
        None,
        None,
        [],
    )
    proof = service.proof(context, done.batch_id)
    assert (proof.ok, proof.counters, proof.applied_sum) == (True, done.counters, done.applied_sum)
    assert service.verify(context).ok
    assert service.run(context, done.batch_id) == done


def test_rates_and_options_that_cannot_be(stage: Stage) -> None:
    context = stage.context()
    for rate in (-100, 0, "five", 10**9, "NaN", "5.123456789", "101"):
        with pytest.raises(InvalidInput) as caught:
            service.create(context, rate, by=ANN)
        assert caught.value.field == "adjustment_rate"
    with pytest.raises(InvalidInput, match="shards must be 1 or 16"):
        service.create(context, "5", by=ANN, overrides=service.Overrides(shards=4))
    with pytest.raises(InvalidInput, match="chunk_users must be 1 to 49"):
        service.create(stage.context(chunk_users=50), "5", by=ANN)
    with pytest.raises(InvalidInput, match="memo has 201 characters"):
        service.create(context, "5", by=ANN, memo="x" * 201)
    assert context.store.batches.count() == 0
    assert service.preview(context, "101", confirm="101").rate == 101


def test_options_of_one_batch(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    exact = service.preview(context, "5", overrides=service.Overrides(rounding=Rounding.TOWARD_ZERO)).plan_sum
    batch = made(context, overrides=service.Overrides(target_total=exact + 3, shards=16))
    done = service.run(context, batch.batch_id)
    assert (done.applied_sum, done.shards, done.target_total) == (exact + 3, 16, exact + 3)
    assert service.verify(context).ok
    page = service.transactions(context, done.batch_id, limit=4)
    rest = service.transactions(context, done.batch_id, limit=100, cursor=page.cursor)
    assert sorted(row.user_id for row in (*page.rows, *rest.rows)) == sorted(booked(context, done))


def test_a_plan_that_cannot_be_frees_the_lock(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    with pytest.raises(InvalidInput, match="target_total"):
        made(context, overrides=service.Overrides(target_total=1))
    [failed] = service.history(context).batches
    assert failed.status is BatchStatus.FAILED
    assert "cannot be met" in (failed.error_message or "")
    assert made(context).status is BatchStatus.PLANNED
    with pytest.raises(Conflict, match="is failed: nothing to apply"):
        service.run(context, failed.batch_id)
    assert service.verify(context).ok


def test_the_same_request_makes_one_batch_also_at_once(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    asked = {"adjustment_rate": "5", "memo": None}
    key = service.idempotency_key("k-1", by=ANN, request=asked)
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: made(stage.context(), key=key), range(6)))
    assert len({(one.batch_id, one.plan_sha256) for one in found}) == 1
    assert {one.status for one in found} == {BatchStatus.PLANNED}
    [stored] = service.history(context).batches
    assert ([one.account for one in stored.approvals], stored.key_hash) == ([ANN], key.key_hash)
    done = service.run(context, stored.batch_id)
    assert made(context, key=key) == done
    with pytest.raises(InvalidInput, match="used with another body"):
        made(context, "6", key=service.idempotency_key("k-1", by=ANN, request={**asked, "adjustment_rate": "6"}))
    other = made(context, key=service.idempotency_key("k-1", by=BOB, request=asked))
    assert other.batch_id != done.batch_id
    for wrong in ("", "x" * 256, "a\nb", "é"):
        with pytest.raises(InvalidInput, match="Idempotency-Key must be"):
            service.idempotency_key(wrong, by=ANN, request=asked)


def test_one_open_batch(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    first = made(context)
    with pytest.raises(Conflict, match=f"batch {first.batch_id} is open"):
        made(context, "6")
    assert service.cancel(context, first.batch_id, by=BOB).error_message == f"cancelled by {BOB}"
    assert service.cancel(context, first.batch_id, by=ANN).error_message == f"cancelled by {BOB}"
    with pytest.raises(Conflict, match="is cancelled: nothing to apply"):
        service.run(context, first.batch_id)
    done = service.run(context, made(context, "6").batch_id)
    with pytest.raises(Conflict, match="cannot become cancelled"):
        service.cancel(context, done.batch_id, by=ANN)
    assert service.verify(context).ok


def test_a_reversal_takes_back_and_leaves_later_activity(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    done = service.run(context, made(context).batch_id)
    context.store.accounts.deposit("user-05", 77, transaction_id="d-1", created_by="x")
    context.store.accounts.set_status("user-06", UserStatus.CLOSED)
    seen = service.preview_reversal(context, done.batch_id)
    back = service.reverse(context, done.batch_id, by=ANN, memo="wrong rate")
    assert (back.adjustment_rate, back.plan_sha256, back.reverses) == (-5, seen.plan_sha256, done.batch_id)
    service.cancel(context, back.batch_id, by=ANN)
    back = service.reverse(context, done.batch_id, by=ANN, approve=True)
    ended = service.run(context, back.batch_id)
    assert ended.status is BatchStatus.COMPLETED
    assert balances(context) == {**before, "user-05": before["user-05"] + 77}
    assert (house(context), ended.applied_sum) == (0, -(done.applied_sum or 0))
    assert service.verify(context).ok
    with pytest.raises(Conflict, match=f"is reversed by {ended.batch_id} already"):
        service.reverse(context, done.batch_id, by=ANN)
    with pytest.raises(Conflict, match="already"):
        service.preview_reversal(context, done.batch_id)


def test_who_has_spent_it_fails_alone(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    done = service.run(context, made(context).batch_id)
    spent = before["user-05"] + 1
    context.store.accounts.deposit("user-05", -spent, transaction_id="w-1", created_by="x")
    ended = service.run(context, service.reverse(context, done.batch_id, by=ANN, approve=True).batch_id)
    assert (ended.status, ended.counters) == (BatchStatus.COMPLETED_WITH_FAILURES, (9, 8, 0, 1, 0, 0))
    [failed] = service.failed_users(context, ended.batch_id)
    assert (failed.user_id, failed.reason) == ("user-05", BELOW_ZERO)
    left = expected(before, "5")["user-05"] - 1
    assert balances(context) == {**before, "user-05": left}
    assert house(context) == -expected(before, "5")["user-05"]
    found = service.detail(context, ended.batch_id)
    assert (found.failures, len(found.transactions.rows)) == ((failed,), 9)
    states = dict(service.sealed_rows(context, ended.batch_id).select("user_id", "state").rows())
    assert (states["user-05"], states["user-06"]) == (RowState.FAILED, RowState.APPLIED)
    assert service.verify(context).ok


def test_what_is_paid_in_or_out_after_the_seal_changes_no_amount(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context, "-50")
    context.store.accounts.deposit("user-05", 50 * BTC, transaction_id="d-1", created_by="x")
    context.store.accounts.deposit("user-06", -before["user-06"], transaction_id="w-1", created_by="x")
    done = service.run(context, batch.batch_id)
    wanted = expected(before, "-50")
    assert booked(context, done) == {user: amount for user, amount in wanted.items() if user != "user-06"}
    assert [one.user_id for one in service.failed_users(context, done.batch_id)] == ["user-06"]
    assert done.failed_user_count == 1
    # nothing is taken back from whom nothing was booked
    assert service.preview_reversal(context, done.batch_id).plan.height == done.processed_user_count
    assert service.verify(context).ok


def test_nobody_to_book_is_a_batch_too(stage: Stage) -> None:
    context = stage.context()
    done = service.run(context, made(context).batch_id)
    assert (done.status, done.counters.target, done.applied_sum) == (BatchStatus.COMPLETED, 0, 0)
    assert HOUSE in context.store.accounts.users([HOUSE])
    assert service.verify(context).ok


def test_lists(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    for _ in range(3):
        service.cancel(context, made(context).batch_id, by=ANN)
    done = service.run(context, made(context).batch_id)
    page = service.history(context, limit=3)
    assert (page.total, page.batches[0]) == (4, done)
    rest = service.history(context, limit=3, cursor=page.cursor)
    assert {one.batch_id for one in (*page.batches, *rest.batches)} == {
        one.batch_id for one in service.history(context, limit=4).batches
    }
    assert service.history(context, limit=3, offset=3).batches == rest.batches
    assert service.history(context, BatchStatus.COMPLETED).total == 1
    summary = service.summary(context, done)
    assert (summary.targets, summary.amount) == (11, done.applied_sum)
    assert service.detail(context, done.batch_id).summary is summary
    by_user = {user: (amount, status) for user, amount, status in service.balances(context).rows()}
    assert by_user["x-sus"] == (BTC, "suspended")
    assert by_user[HOUSE] == (-summary.amount, "house")
    rows, cursor = service.user_rows(context, "user-05")
    assert ([row.amount for row in rows], cursor) == ([BTC // 20, BTC], None)
    wrong: list[dict[str, Any]] = [{"limit": 0}, {"limit": 101}, {"offset": -1}, {"offset": 1, "cursor": "x"}]
    for each in wrong:
        with pytest.raises(InvalidInput):
            service.history(context, **each)
    with pytest.raises(NotFound):
        service.detail(context, "nothing")


def test_a_reversal_is_once_only_and_the_story_is_one(stage: Stage) -> None:
    context = stage.context()
    before = open_users(context)
    done = service.run(context, made(context).batch_id)
    # one that never began leaves the batch in force, and it may be reversed again
    for number in (1, 2):
        tried = service.reverse(context, done.batch_id, by=ANN)
        story = reversal_of(service.batch(context, done.batch_id), {tried.batch_id: tried})
        assert story == f"to be reversed by {tried.batch_id}, which is planned", number
        service.cancel(context, tried.batch_id, by=ANN)
        assert service.batch(context, done.batch_id).is_reversible
    spent = before["user-05"] + 1
    context.store.accounts.deposit("user-05", -spent, transaction_id="w-1", created_by="x")
    back = service.run(context, service.reverse(context, done.batch_id, by=ANN, approve=True).batch_id)
    done = service.batch(context, done.batch_id)
    assert (done.is_reversible, back.is_reversible, done.status) == (False, False, BatchStatus.COMPLETED)
    refusal = f"batch {back.batch_id} is the reversal of {done.batch_id} and cannot be reversed itself"
    for refused in (
        lambda: service.preview_reversal(context, back.batch_id),
        lambda: service.reverse(context, back.batch_id, by=ANN),
        lambda: context.store.batches.create(replace(done, batch_id="x", reverses=back.batch_id, reversed_by=None)),
    ):
        with pytest.raises(Conflict, match=refusal):
            refused()
    assert context.store.batches.open_batch_id() is None
    page = service.history(context)
    words = {one.batch_id: reversal_of(one, page.reversals) for one in page.batches}
    assert words[back.batch_id] == f"reverses {done.batch_id}"
    assert words[done.batch_id] == f"reversed by {back.batch_id}, but for 1 user(s)"
    assert service.detail(context, done.batch_id).reversal == back
    rows, _ = service.user_rows(context, "user-06")
    known = service.batches_of(context, rows)
    told = [reversal_of(known[row.batch_id], known) for row in rows if row.batch_id in known]
    assert told == [words[back.batch_id], words[done.batch_id]]


def test_a_writer_whose_clock_is_ahead(stage: Stage) -> None:
    """A little ahead is waited for; beyond the tolerance the user is named and left out, not planned as of before."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        stage.clock.now += timedelta(seconds=seconds)

    def paid_in(user: str, ahead: timedelta) -> None:
        fast = Stage(stage.dynamodb, stage.tables, stage.s3, stage.bucket, SteppingClock(stage.clock.now + ahead))
        fast.context().store.accounts.deposit(user, BTC, transaction_id=f"{user}-{ahead}", created_by="x")

    context = replace(stage.context(), sleep=sleep)
    before = open_users(context)
    paid_in("user-05", timedelta(seconds=3))
    paid_in("user-06", timedelta(seconds=4))
    found = service.preview(context, "5")
    assert 3.9 < sum(slept) < 4.1
    rows = {row["user_id"]: row for row in found.plan.iter_rows(named=True)}
    assert [rows[user]["balance_before"] - before[user] for user in ("user-05", "user-06")] == [BTC, BTC]
    assert found.summary.excluded[Exclusion.CLOCK_AHEAD] == 0
    # a writer that stays ahead is not waited for again and again
    slept.clear()
    paid_in("user-07", timedelta(seconds=4))
    paid_in("user-08", timedelta(hours=1))
    paid_in("x-sus", timedelta(hours=1))
    batch = service.create(context, "5", by=ANN, approve=True)
    assert 3.9 < sum(slept) < 5
    rows = {row["user_id"]: row for row in service.sealed_rows(context, batch.batch_id).iter_rows(named=True)}
    assert rows["user-07"]["balance_before"] == before["user-07"] + BTC
    assert (rows["user-08"]["state"], rows["user-08"]["reason"], rows["x-sus"]["reason"]) == (
        *("excluded", "clock_ahead"),
        "inactive",
    )
    assert rows["user-08"]["balance_before"] == before["user-08"] + BTC
    done = service.run(context, batch.batch_id)
    assert done.status is BatchStatus.COMPLETED
    assert "user-08" not in booked(context, done)
    # taking back asks no clock: its amounts are those of the ledger
    paid_in("user-07", timedelta(hours=1))
    back = service.run(context, service.reverse(context, done.batch_id, by=ANN, approve=True).batch_id)
    assert back.applied_sum == -(done.applied_sum or 0)
    assert service.verify(context).ok
    assert service.check_balances_after(context, back.batch_id).ok
    # who is far ahead is not waited for
    slept.clear()
    assert service.preview(context, "5").summary.excluded[Exclusion.CLOCK_AHEAD] == 2
    assert slept == []

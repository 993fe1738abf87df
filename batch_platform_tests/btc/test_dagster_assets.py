"""The assets of btc as Dagster runs them: what they book, show, prove and refuse."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import pytest

from batch_platform.btc import plots, service
from batch_platform.btc.dagster import assets
from batch_platform.btc.dagster.checks import CHECKS, OF_EVERY_BATCH, OF_SOME
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.btc.items import row_item
from batch_platform.btc.model import HOUSE, Batch, BatchStatus, LedgerRow, TransactionType
from batch_platform.btc.money import btc_text
from batch_platform.btc.plan import Bucket
from batch_platform.btc.service import BtcContext, apply
from batch_platform.btc.store import BtcStore
from batch_platform.core.clock import utc_now
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.kit import assets as kit_assets
from batch_platform.kit.charts import png
from batch_platform.settings import Settings
from batch_platform_tests.btc.dagster_tools import (
    PLAN,
    REPORT,
    TRANSACTIONS,
    Staged,
    checks,
    materialized,
    resource,
    retried,
    sentences,
    shown,
)
from batch_platform_tests.btc.service_tools import (
    ANN,
    BTC,
    Killed,
    Mortal,
    Stage,
    balances,
    booked,
    expected,
    house,
    made,
    open_users,
)
from batch_platform_tests.dynamo_proxy import DynamoProxy


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def btc(provisioned: Settings, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[BtcResource]:
    stage.clock.now = utc_now() - timedelta(hours=1)
    yield (made := resource(provisioned, stage, monkeypatch))
    made.postgres.teardown_after_execution(dg.build_init_resource_context())


def test_an_approved_batch_is_booked_proved_and_reported_once(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context, "5", memo="November")
    amounts = expected(before, "5")

    ended = materialized(btc, instance, batch.batch_id)
    assert ended.success, sentences(ended)
    assert checks(ended) == {spec.name: True for spec in CHECKS}
    assert booked(context, batch) == amounts
    after = balances(context)
    assert after == {user: balance + amounts.get(user, 0) for user, balance in before.items()}
    assert house(context) == -sum(amounts.values())

    plan, transactions, report = (shown(ended, asset) for asset in (PLAN, TRANSACTIONS, REPORT))
    total = btc_text(sum(amounts.values()))
    assert (plan["targets"], plan["sum, BTC"], plan["plan_sha256"]) == (
        batch.target_user_count,
        total,
        batch.plan_sha256,
    )
    assert (plan["excluded, inactive"], plan["excluded, zero_balance"], plan["memo"]) == (2, 1, "November")
    assert (transactions["status"], transactions["applied"], transactions["booked, BTC"]) == (
        "completed",
        len(amounts),
        total,
    )
    assert (report["sum, BTC"], report["applied"], report["failed"]) == (total, len(amounts), 0)
    largest = max(amounts, key=lambda user: amounts[user])
    assert report["top changes"].splitlines()[2] == (
        f"| {largest} | {btc_text(before[largest])} | {btc_text(amounts[largest])} | {btc_text(after[largest])} |"
    )
    assert "data:image/png;base64," in plan["amounts by size"]
    assert "data:image/png;base64," in report["amounts by size"]
    assert told(btc, batch) == "completed"

    again = materialized(btc, instance, batch.batch_id)
    assert again.success
    assert balances(context) == after
    assert service.batch(context, batch.batch_id).fencing == 1


@pytest.mark.parametrize("looked_at_one_by_one", [0, 100])
def test_later_activity_does_not_disturb_the_checks_of_a_batch(
    btc: BtcResource,
    stage: Stage,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    looked_at_one_by_one: int,
) -> None:
    # the package has a function of the module's name
    module = importlib.import_module("batch_platform.btc.service.verify")
    monkeypatch.setattr(module, "_MOVED_AT_MOST", looked_at_one_by_one)
    context = stage.context()
    open_users(context)
    batch = made(context)
    service.run(context, batch.batch_id)
    context.store.accounts.deposit("user-05", BTC, transaction_id="d-1", created_by="x")
    ended = materialized(btc, instance, batch.batch_id, [TRANSACTIONS])
    assert ended.success, sentences(ended)
    assert set(checks(ended).values()) == {True}


def test_a_reversal_reports_who_has_spent_it(btc: BtcResource, stage: Stage, instance: dg.DagsterInstance) -> None:
    context = stage.context()
    before = open_users(context)
    batch = service.run(context, made(context, "50").batch_id)
    after = balances(context)
    context.store.accounts.deposit("user-05", -after["user-05"], transaction_id="w-1", created_by="x")
    back = service.reverse(context, batch.batch_id, by=ANN, approve=True)
    ended = materialized(btc, instance, back.batch_id)
    assert ended.success, sentences(ended)
    assert set(checks(ended).values()) == {True}
    report = shown(ended, REPORT)
    assert (report["status"], report["failed"], report["reverses"]) == (
        "completed_with_failures",
        1,
        batch.batch_id,
    )
    assert "| user-05 | " in report["failed users"]
    assert balances(context) == {**before, "user-05": 0}


def test_a_batch_that_nobody_approved_is_refused_in_one_sentence(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context()
    before = open_users(context)
    batch = service.create(context, "5", by=ANN)
    ended = materialized(btc, instance, batch.batch_id)
    assert sentences(ended) == [f"batch {batch.batch_id} waits for 1 more approval(s)"]
    assert retried(ended) == 0
    assert shown(ended, PLAN)["approvals missing"] == 1
    assert ended.asset_materializations_for_node(TRANSACTIONS.op.name) == []
    assert service.batch(context, batch.batch_id) == batch
    assert balances(context) == before


def test_a_cancelled_batch_stays_as_it_is(btc: BtcResource, stage: Stage, instance: dg.DagsterInstance) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    cancelled = service.cancel(context, batch.batch_id, by=ANN)
    ended = materialized(btc, instance, batch.batch_id)
    assert ended.success, sentences(ended)
    assert (shown(ended, TRANSACTIONS)["status"], shown(ended, TRANSACTIONS)["applied"]) == ("cancelled", 0)
    assert (shown(ended, REPORT)["dagster/row_count"], shown(ended, REPORT)["sum, BTC"]) == (0, "0.00000000")
    assert service.batch(context, batch.batch_id) == cancelled
    assert balances(context) == before


def test_a_batch_whose_creator_died_is_planned_again(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context()
    open_users(context)
    with pytest.raises(Killed):
        made(stage.context(Mortal(stage.dynamodb, 1)))
    [pending] = service.history(context, BatchStatus.PENDING).batches
    ended = materialized(btc, instance, pending.batch_id, [PLAN])
    assert ended.success, sentences(ended)
    planned = service.batch(context, pending.batch_id)
    assert planned.status is BatchStatus.PLANNED
    assert shown(ended, PLAN)["plan_sha256"] == planned.plan_sha256


def test_a_batch_of_a_worker_that_is_gone_is_taken_over_at_once(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context(chunk_users=1)
    before = open_users(context)
    batch = made(context)
    gone = replace(stage.context(Mortal(stage.dynamodb, 4)), owner=f"{socket.gethostname()}/4194305/1/ab")
    with pytest.raises(Killed):
        service.run(replace(gone, clock=utc_now), batch.batch_id)
    left = service.batch(context, batch.batch_id)
    assert left.lease_expires_at is not None
    assert left.lease_expires_at > utc_now()
    assert 0 < len(booked(context, batch)) < len(expected(before, "5"))

    ended = materialized(btc, instance, batch.batch_id)
    assert ended.success, sentences(ended)
    assert booked(context, batch) == expected(before, "5")
    assert shown(ended, TRANSACTIONS)["workers"] == 2


def test_a_batch_that_another_worker_holds_is_waited_for(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    held = context.store.batches.acquire(batch, "elsewhere/1/1/ab", now=utc_now(), lasts=timedelta(seconds=5))
    ended = materialized(btc, instance, batch.batch_id, [TRANSACTIONS])
    assert ended.success, sentences(ended)
    assert retried(ended) == 0
    assert shown(ended, TRANSACTIONS)["workers"] == 2
    assert held.lease_expires_at is not None
    assert utc_now() > held.lease_expires_at
    assert booked(context, batch) == expected(before, "5")


def test_a_batch_that_another_worker_fails_waits_for_a_person(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    held = context.store.batches.acquire(batch, "elsewhere/1/1/ab", now=utc_now())

    def fail(own: BtcContext, found: Batch) -> Batch:
        free = {"lease_owner": None, "lease_expires_at": None}
        own.store.batches.move(found, BatchStatus.FAILED, error_message="a row differs", **free)
        return service.await_worker(own, found)

    monkeypatch.setattr(apply, "await_worker", fail)
    ended = materialized(btc, instance, batch.batch_id, [TRANSACTIONS])
    assert sentences(ended) == [f"batch {batch.batch_id} was failed by another worker: a row differs"]
    assert service.batch(context, batch.batch_id).fencing == held.fencing


def test_what_may_pass_is_tried_again(
    provisioned: Settings,
    stage: Stage,
    distant: BtcStore,
    dynamo_proxy: DynamoProxy,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = stage.context()
    before = open_users(context)
    batch = made(context)
    soon = replace(STANDARD_RETRY, base_delay=timedelta(milliseconds=1), max_delay=timedelta(milliseconds=1))
    monkeypatch.setattr(kit_assets, "STANDARD_RETRY", soon)
    monkeypatch.setattr(Staged, "context", replace(context, store=distant))
    dynamo_proxy.refuse("GetItem", "ThrottlingException", times=4)
    ended = materialized(resource(provisioned, stage, monkeypatch, Staged), instance, batch.batch_id, [TRANSACTIONS])
    assert ended.success, sentences(ended)
    assert (dynamo_proxy.struck, retried(ended)) == (4, 1)
    assert booked(context, batch) == expected(before, "5")


def told(btc: BtcResource, batch: Batch) -> str:
    """What stands of a batch where people are told from."""
    with btc.postgres.transaction() as connection:
        query = "SELECT status FROM btc.batches WHERE batch_id = %s"
        [row] = connection.execute(query, (batch.batch_id,)).fetchall()
        return str(row[0])


def put_row(stage: Stage, batch: Batch, user: str, amount: int) -> None:
    """Write a ledger row of a batch past all rules."""
    row = LedgerRow(
        batch.batch_id,
        user,
        amount,
        TransactionType.ADJUSTMENT,
        created_at=batch.created_at,
        committed_at=batch.created_at,
        created_by=ANN,
    )
    stage.dynamodb.put_item(TableName=stage.tables.transactions, Item=row_item(row))


def put_balance(stage: Stage, user: str, amount: int) -> None:
    stage.dynamodb.update_item(
        TableName=stage.tables.balances,
        Key={"user_id": {"S": user}},
        UpdateExpression="SET balance = :amount",
        ExpressionAttributeValues={":amount": {"N": btc_text(amount)}},
    )


@pytest.mark.parametrize(
    ("what", "failing"),
    [
        ("a row", {"amounts_equal", "zero_sum", "balances_equal"}),
        ("the house's row", {"zero_sum"}),
        ("a balance", {"balances_equal"}),
        ("a row too many", {"each_user_once", "counters"}),
        ("a counter", {"counters"}),
    ],
)
def test_tampering_fails_its_checks_and_stops_the_report(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance, what: str, failing: set[str]
) -> None:
    context = stage.context()
    before = open_users(context)
    batch = service.run(context, made(context).batch_id)
    amounts = expected(before, "5")
    if what == "a row":
        put_row(stage, batch, "user-05", amounts["user-05"] + 1)
    elif what == "the house's row":
        put_row(stage, batch, HOUSE, -sum(amounts.values()) + 1)
    elif what == "a balance":
        put_balance(stage, "user-05", before["user-05"] + amounts["user-05"] + 1)
    elif what == "a row too many":
        put_row(stage, batch, "x-sus", 0)
    else:
        context.store.batches.amend(batch, processed_user_count=batch.processed_user_count - 1)
    ended = materialized(btc, instance, batch.batch_id, [TRANSACTIONS, REPORT])
    assert not ended.success
    assert {name for name, passed in checks(ended).items() if not passed} == failing
    assert retried(ended) == 0
    assert ended.asset_materializations_for_node(REPORT.op.name) == []
    if "balances_equal" in failing:
        [told] = [one for one in ended.get_asset_check_evaluations() if one.check_name == "balances_equal"]
        assert "user-05: " in str(told.metadata[batch.batch_id].value)


def test_sealed_rows_that_are_not_those_of_the_hash_fail_every_check_that_needs_them(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context()
    open_users(context)
    batch = service.run(context, made(context).batch_id)
    context.store.batches.amend(batch, plan_sha256="0" * 64)
    ended = materialized(btc, instance, batch.batch_id, [TRANSACTIONS])
    assert not ended.success
    assert {name for name, passed in checks(ended).items() if not passed} == set(OF_EVERY_BATCH)


def test_a_lost_plan_fails_the_batch_and_not_only_its_run(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    context.store.batches.amend(batch, plan_sha256="0" * 64)
    ended = materialized(btc, instance, batch.batch_id)
    assert not ended.success
    assert "no such plan" in shown(ended, PLAN)["plan"]
    failed = service.batch(context, batch.batch_id)
    assert (failed.status, service.waiting_for_worker(context)) == (BatchStatus.FAILED, [])
    assert booked(context, failed) == {}


def test_a_ledger_that_differs_stops_the_batch_and_shows_where(
    btc: BtcResource, stage: Stage, instance: dg.DagsterInstance
) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    put_row(stage, batch, "user-05", 1)
    ended = materialized(btc, instance, batch.batch_id)
    [sentence] = sentences(ended)
    assert "user-05" in sentence
    assert retried(ended) == 0
    assert not checks(ended)["amounts_equal"]
    assert service.batch(context, batch.batch_id).status is BatchStatus.FAILED


def test_every_check_of_a_proof_has_its_asset_check(stage: Stage) -> None:
    context = stage.context()
    open_users(context)
    cancelled = service.cancel(context, made(context).batch_id, by=ANN)
    batch = service.run(context, made(context).batch_id)
    back = service.run(context, service.reverse(context, batch.batch_id, by=ANN, approve=True).batch_id)
    proofs = [service.proof(context, one.batch_id) for one in (cancelled, batch, back)]
    named = {check.name for proof in proofs for check in proof.checks}
    named.add(service.check_balances_after(context, batch.batch_id).name)
    assert named == {spec.name for spec in CHECKS} == {*OF_EVERY_BATCH, *OF_SOME}
    assert all(spec.blocking for spec in CHECKS)


def test_progress_is_told_each_tenth() -> None:
    told: list[str] = []
    tenths = assets.Tenths(told.append)
    for done in range(0, 1001, 7):
        tenths(f"b: {done} of 1000 users")
    tenths("b: 0 of 0 users")
    tenths("b: completed")
    assert len(told) == 12
    assert told[0] == "b: 0 of 1000 users"
    assert told[-2:] == ["b: 0 of 0 users", "b: completed"]


@pytest.mark.parametrize(
    "distribution",
    [
        (),
        (Bucket(1, 10, 3, 12), Bucket(10, 100, 0, 0), Bucket(10**8, 10**9, 2, 3 * 10**8)),
        (Bucket(1, 10, 3, -12),),
    ],
)
def test_a_plot_depends_on_its_amounts_alone(distribution: Any) -> None:
    first, again = (png(plots.amounts_by_size(distribution, title="Planned amounts by size")) for _ in range(2))
    assert first.startswith(b"\x89PNG")
    assert first == again
    assert first != png(plots.amounts_by_size((Bucket(1, 10, 4, 12),), title="Planned amounts by size"))

"""What people are told of batches: the mirror by publish, the rules over it, and the mails, all of real parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event
from typing import Any, cast

import pytest
from psycopg.rows import dict_row

from batch_platform import migrations
from batch_platform.btc import service
from batch_platform.btc.alerts import GRACE, RULES, TOLD_FOR
from batch_platform.btc.alerts import PATIENCE as STUCK_AFTER
from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.money import btc_text
from batch_platform.btc.service import BtcContext
from batch_platform.btc.store import BatchPage
from batch_platform.core import postgres
from batch_platform.core.failures import InvalidInput
from batch_platform.core.messages import Message, from_plain
from batch_platform.operations import notify
from batch_platform.operations.alerts import judge
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.dagster.storage import DagsterInstanceStorage
from batch_platform.operations.model import Registry
from batch_platform.operations.monitor import Monitor, MonitorOptions, Pass
from batch_platform.settings import Settings
from batch_platform.web import i18n
from batch_platform_tests.btc.service_tools import ANN, BOB, BTC, Killed, Stage, approved, balances, made, open_users
from batch_platform_tests.databases import empty_database
from batch_platform_tests.mail_sink import Sink
from batch_platform_tests.waiting import PATIENCE, eventually

ROWS_MISSING = "{count} rows of batch {batch} are not in the ledger though they were written"
BY_NAME = {rule.name: rule for rule in RULES}


@pytest.fixture(scope="module")
def database(settings: Settings) -> Iterator[postgres.Pool]:
    """A database of this file's own: other tests judge by the session's."""
    with empty_database(settings, "btc_notices") as url:
        migrations.upgrade(url)
        pool = postgres.open_pool(url, application_name="btc tests")
        yield pool
        pool.close()


@pytest.fixture
def pool(database: postgres.Pool) -> postgres.Pool:
    with postgres.transaction(database) as connection:
        connection.execute("TRUNCATE btc.batches, operations.incidents, operations.notifications")
    return database


def rows(pool: postgres.Pool, query: str, *parameters: object) -> list[dict[str, Any]]:
    with postgres.transaction(pool) as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), parameters or None).fetchall()


def mirror(pool: postgres.Pool) -> dict[str, dict[str, Any]]:
    return {row["batch_id"]: row for row in rows(pool, "SELECT * FROM btc.batches")}


def told(pool: postgres.Pool, name: str, now: datetime) -> list[tuple[str, str]]:
    """The open incidents of a rule, or all notices of one, after it was judged."""
    judge(pool, BY_NAME[name], now=now)
    query = "SELECT * FROM operations.incidents WHERE rule = %s AND (notice OR resolved_at IS NULL)"
    known = rows(pool, query, name)
    check_japanese(row["summary_message"] for row in known)
    return [(row["subject"], row["summary"]) for row in known]


def resolutions(pool: postgres.Pool, name: str) -> list[str]:
    query = "SELECT * FROM operations.incidents WHERE rule = %s AND resolved_at IS NOT NULL ORDER BY id"
    known = rows(pool, query, name)
    check_japanese(row["resolution_message"] for row in known)
    return [row["resolution"] for row in known]


def check_japanese(kept: Iterable[Mapping[str, Any]]) -> None:
    """Nothing of it, whatever stands in its places, is an English sentence to a Japanese reader."""
    with i18n.speaking(
        i18n.load(["batch_platform.web", "batch_platform.btc.web", "batch_platform.operations.web"])["ja"]
    ):
        sentences = [i18n.translated(from_plain(message)) for message in kept]
    assert [text for text in sentences if re.search("[a-z]+ [a-z]+", text)] == []


def cancelled(context: BtcContext) -> Batch:
    return service.cancel(context, service.create(context, "5", by=ANN).batch_id, by=BOB)


def failed(context: BtcContext, batch: Batch) -> Batch:
    """A batch whose worker has met what no waiting mends."""
    working = context.store.batches.acquire(batch, "dead", now=context.clock())
    return context.store.batches.move(
        working,
        BatchStatus.FAILED,
        error_message=Message("ledger-rows-missing", ROWS_MISSING, count=1, batch=batch.batch_id),
        processed_user_count=3,
        lease_owner=None,
        lease_expires_at=None,
    )


# the mirror


def test_the_mirror_follows_a_batch(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context(second_approver=True)
    open_users(context)
    assert service.publish(context, pool) == 0
    batch = service.create(context, "5.5", by=ANN)
    assert (service.publish(context, pool), service.publish(context, pool)) == (1, 0)
    [row] = mirror(pool).values()
    assert (row["status"], row["is_open"], row["approvals_missing"]) == ("planned", True, 2)
    assert (row["target_count"], row["adjustment_rate"], row["created_by"]) == (11, Decimal("5.5"), ANN)
    assert (f"{row['sum']:f}", row["created_at"]) == (btc_text(batch.plan_sum or 0), batch.created_at)
    approved(context, batch)
    assert service.publish(context, pool) == 1
    assert mirror(pool)[batch.batch_id]["approvals_missing"] == 1
    service.run(context, approved(context, batch, BOB).batch_id)
    assert (service.publish(context, pool), service.publish(context, pool)) == (1, 0)
    done = service.batch(context, batch.batch_id)
    [row] = mirror(pool).values()
    assert (row["status"], row["is_open"], row["approvals_missing"]) == ("completed", False, 0)
    assert (row["processed_count"], row["failed_count"], row["completed_at"]) == (10, 0, done.completed_at)
    assert f"{row['sum']:f}" == btc_text(done.applied_sum or 0)


def test_the_settings_say_how_many_approvals_are_missing(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context(second_approver=True)
    open_users(context)
    batch = approved(context, service.create(context, "5", by=ANN))
    service.publish(context, pool)
    assert mirror(pool)[batch.batch_id]["approvals_missing"] == 1
    assert service.publish(stage.context(), pool) == 1
    assert mirror(pool)[batch.batch_id]["approvals_missing"] == 0


def test_only_what_may_have_changed_is_read_again(
    stage: Stage, pool: postgres.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch_platform.btc.service.notices._PAGE", 2)
    context = stage.context()
    open_users(context)
    ids = [cancelled(context).batch_id for _ in range(5)]
    assert service.publish(context, pool) == 5
    with postgres.transaction(pool) as connection:
        connection.execute("DELETE FROM btc.batches WHERE batch_id = %s", [ids[0]])
    assert service.publish(context, pool) == 0  # the newest two are known and closed: it looks no further
    batch = failed(context, made(context))
    assert service.publish(context, pool) == 1
    assert ids[0] not in mirror(pool)
    # an open batch is looked at however many pages of closed ones the list begins with
    with postgres.transaction(pool) as connection:
        connection.execute("UPDATE btc.batches SET is_open = true, status = 'pending' WHERE batch_id = %s", [ids[1]])
        connection.execute(
            "INSERT INTO btc.batches SELECT 'gone', status, is_open, reverses, adjustment_rate, target_count, "
            "processed_count, failed_count, sum, created_by, created_at, planned_at, approvals_missing, "
            "completed_at, error_message, changed_at FROM btc.batches WHERE batch_id = %s",
            [batch.batch_id],
        )
    service.run(context, batch.batch_id)
    for _ in range(2):
        cancelled(context)
    service.publish(context, pool)
    found = {name: row["status"] for name, row in mirror(pool).items()}
    assert (found[ids[1]], found[batch.batch_id], found.get("gone")) == ("cancelled", "completed", None)


def test_a_publisher_that_dies_half_way_leaves_nothing(
    stage: Stage, pool: postgres.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("batch_platform.btc.service.notices._PAGE", 2)
    context = stage.context()
    open_users(context)
    for _ in range(5):
        cancelled(context)
    page, pages = context.store.batches.page, iter(range(2))

    def torn(**asked: Any) -> BatchPage:
        if next(pages, None) is None:
            raise Killed
        return page(**asked)

    with monkeypatch.context() as patch:
        patch.setattr(context.store.batches, "page", torn)
        with pytest.raises(Killed):
            service.publish(context, pool)
    assert mirror(pool) == {}
    assert service.publish(context, pool) == 5


def test_several_publishers_at_once(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context()
    open_users(context)
    for _ in range(3):
        cancelled(context)
    with ThreadPoolExecutor(4) as threads:
        changed = list(threads.map(lambda _: service.publish(context, pool), range(4)))
    assert sorted(changed) == [0, 0, 0, 3]


def test_a_slow_publisher_writes_nothing_old(
    stage: Stage, pool: postgres.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, slow = stage.context(), stage.context()
    open_users(context)
    batch = made(context)
    page, has_read, go_on = slow.store.batches.page, Event(), Event()

    def paused(**asked: Any) -> BatchPage:
        read = page(**asked)
        has_read.set()
        assert go_on.wait(PATIENCE)
        return read

    monkeypatch.setattr(slow.store.batches, "page", paused)
    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(service.publish, slow, pool)
        assert has_read.wait(PATIENCE)
        service.run(context, batch.batch_id)
        second = threads.submit(service.publish, context, pool)
        eventually(lambda: second.done() or bool(rows(pool, waiting)))
        go_on.set()
        assert (first.result(), second.result()) == (1, 1)
    assert mirror(pool)[batch.batch_id]["status"] == "completed"


# the rules


def test_a_batch_that_waits_for_approval(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context(second_approver=True)
    open_users(context)
    batch = service.create(context, "10", by=ANN)
    service.publish(context, pool)
    planned_at = cast("datetime", batch.planned_at)
    assert told(pool, "btc-waiting-approval", planned_at + GRACE - timedelta(seconds=1)) == []
    later = planned_at + GRACE
    sentence = f"batch {batch.batch_id} (10 %) waits for {{}}: 11 users, {btc_text(batch.plan_sum or 0)} BTC together"
    assert told(pool, "btc-waiting-approval", later) == [(batch.batch_id, sentence.format("2 approvals"))]
    approved(context, batch)
    service.publish(context, pool)
    assert told(pool, "btc-waiting-approval", later) == [(batch.batch_id, sentence.format("1 approval"))]
    approved(context, batch, BOB)
    service.publish(context, pool)
    assert told(pool, "btc-waiting-approval", later) == []
    service.run(context, batch.batch_id)
    reversal = service.reverse(context, batch.batch_id, by=ANN)
    service.publish(context, pool)
    [(_, summary)] = told(pool, "btc-waiting-approval", later + timedelta(minutes=1))
    assert summary.startswith(f"batch {reversal.batch_id}, the reversal of {batch.batch_id} waits for 2 approvals: ")
    assert summary.endswith(f", -{btc_text(batch.plan_sum or 0)} BTC together")
    service.cancel(context, reversal.batch_id, by=BOB)
    service.publish(context, pool)
    assert told(pool, "btc-waiting-approval", later + timedelta(minutes=1)) == []
    assert resolutions(pool, "btc-waiting-approval") == ["it has all its approvals", f"it was cancelled by {BOB}"]


def test_a_batch_that_failed_after_its_seal(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context()
    open_users(context)
    batch = failed(context, made(context))
    service.publish(context, pool)
    assert told(pool, "btc-failed", context.clock()) == [
        (
            batch.batch_id,
            f"batch {batch.batch_id} (5 %) failed: 1 rows of batch {batch.batch_id} are not in the ledger "
            "though they were written; 3 of 11 users are known to be booked, "
            "and no other batch can start before this one has been run to its end",
        )
    ]
    assert told(pool, "btc-plan-failed", context.clock()) == []
    service.run(context, batch.batch_id)
    service.publish(context, pool)
    assert told(pool, "btc-failed", context.clock()) == []
    assert resolutions(pool, "btc-failed") == ["it completed"]


def test_a_batch_that_failed_before_its_seal_is_told_once(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context()
    open_users(context)
    with pytest.raises(InvalidInput):
        made(context, overrides=service.Overrides(target_total=1))
    [batch] = service.history(context).batches
    service.publish(context, pool)
    for _ in range(2):
        [(subject, summary)] = told(pool, "btc-plan-failed", context.clock())
        assert subject == batch.batch_id
        assert (
            summary
            == f"{mirror(pool)[subject]['called']} could not be planned: {batch.error_message}; nothing was booked"
        )
    assert told(pool, "btc-failed", context.clock()) == []


def test_a_batch_that_nobody_works_on(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context()
    open_users(context)
    batch = made(context)
    service.publish(context, pool)
    seen = mirror(pool)[batch.batch_id]["changed_at"]
    assert told(pool, "btc-stuck", seen + STUCK_AFTER) == []
    service.publish(context, pool)
    later = seen + STUCK_AFTER + timedelta(seconds=1)
    [(_, summary)] = told(pool, "btc-stuck", later)
    assert summary == (
        f"no progress of batch {batch.batch_id} (5 %) has been seen since {seen:%Y-%m-%d %H:%M} UTC: "
        "it is approved, 0 of 11 users are known to be booked"
    )
    service.submit(context, batch.batch_id)
    stage.later(60)
    service.publish(context, pool)
    assert told(pool, "btc-stuck", later) == []
    assert resolutions(pool, "btc-stuck") == ["it is being applied"]


def test_the_end_of_a_batch_is_told_once_and_old_ends_never(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context()
    open_users(context)
    done = service.run(context, made(context).batch_id)
    service.publish(context, pool)
    ended = cast("datetime", done.completed_at)
    assert told(pool, "btc-completed", ended + TOLD_FOR) == []
    sentence = (
        f"batch {done.batch_id} (5 %) completed: 9 of 11 users booked, 2 with an amount of 0, "
        f"{btc_text(done.applied_sum or 0)} BTC together"
    )
    for now in (ended, ended + timedelta(hours=1), ended + TOLD_FOR, ended):
        assert told(pool, "btc-completed", now) == [(done.batch_id, sentence)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: judge(pool, BY_NAME["btc-completed-with-failures"], now=ended), range(4)))
    assert told(pool, "btc-completed-with-failures", ended) == []
    [note] = rows(pool, "SELECT kind FROM operations.notifications")
    assert note["kind"] == "opened"


def test_users_who_failed_are_told_of(stage: Stage, pool: postgres.Pool) -> None:
    context = stage.context()
    open_users(context)
    batch = service.run(context, made(context, "10").batch_id)
    # one has spent meanwhile what the reversal wants back
    spent = balances(context)["user-05"]
    context.store.accounts.deposit("user-05", -spent, transaction_id="w-1", created_by="shop")
    reversal = service.run(context, service.reverse(context, batch.batch_id, by=ANN, approve=True).batch_id)
    service.publish(context, pool)
    now = context.clock()
    with ThreadPoolExecutor(4) as threads:
        opened = list(
            threads.map(lambda _: judge(pool, BY_NAME["btc-completed-with-failures"], now=now)[0], range(4))
        )
    assert sum(opened) == 1
    [(subject, summary)] = told(pool, "btc-completed-with-failures", now)
    assert subject == reversal.batch_id
    assert summary == (
        f"batch {reversal.batch_id}, the reversal of {batch.batch_id} completed with failures: 1 of "
        f"{reversal.target_user_count} users failed, {reversal.processed_user_count} booked, "
        f"{btc_text(reversal.applied_sum or 0)} BTC together"
    )
    assert reversal.applied_sum == -((batch.applied_sum or 0) - BTC // 10)


# the mails


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink().start()
    yield sink
    sink.stop()


def test_every_mail_comes_once_though_the_monitor_is_restarted(stage: Stage, pool: postgres.Pool, sink: Sink) -> None:
    import dagster as dg

    context = stage.context(require_approval=True)
    open_users(context)
    with dg.instance_for_test() as instance:
        registry = Registry([])
        operations = OperationsContext(pool, context.clock, registry, DagsterInstanceStorage(instance, registry))
        orders = MonitorOptions(notify.destinations(None, sink.url()), rules=RULES)

        def watch() -> None:
            """A monitor that has just been started."""
            service.publish(context, pool)
            assert Monitor(operations, orders).once() == Pass(led=True)

        batch = service.create(context, "5", by=ANN)
        stage.later(minutes=2)
        watch()
        approved(context, batch)
        watch()
        done = service.run(context, batch.batch_id)
        watch()
        stage.later(minutes=60)
        watch()
    called = f"batch {batch.batch_id} (5 %)"
    together = f"{btc_text(done.applied_sum or 0)} BTC together"
    assert sink.subjects == [
        f"[warning] {called} waits for 1 approval: 11 users, {together}",
        f"[resolved] {called} waits for 1 approval: 11 users, {together}",
        f"[info] {called} completed: 9 of 11 users booked, 2 with an amount of 0, {together}",
    ]
    bodies = [body for _, _, body in sink.mails]
    assert "it has all its approvals" in bodies[1]
    assert "Told once, at 2026-11-20 12:0" in bodies[2]

"""kill -9 between S3 and DynamoDB, and in the middle of the apply: nothing half done, and the next one finishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from batch_platform.core import postgres
from batch_platform.core.failures import NotFound
from batch_platform.proving.processes import Worker, workers
from batch_platform.zengin.store import ZenginStore
from batch_platform.zengin.store.records import RecordStore
from batch_platform_tests.dynamo_proxy import DynamoProxy
from batch_platform_tests.waiting import PATIENCE, eventually
from batch_platform_tests.zengin.conftest import BUCKET
from batch_platform_tests.zengin.rows import DAY, NOW, changeset, record
from batch_platform_tests.zengin.workers import APPLICATION, BIG, FIRST, MASTERS, SECOND, applies_second, puts_records

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.faults

# Each stops an apply right before what its name says; the lock is the test's.
STEPS = {
    "the base check": "LOCK TABLE zengin.branches IN ROW EXCLUSIVE MODE",
    "the writes of the master": "LOCK TABLE zengin.bank_history IN SHARE MODE",
    "the branches, its banks written": "LOCK TABLE zengin.branch_history IN SHARE MODE",
    "the history, the master written": "LOCK TABLE zengin.change_history IN SHARE MODE",
    "the conflicts, the history written": "LOCK TABLE zengin.conflicts IN SHARE MODE",
}


def killed(worker: Worker) -> None:
    assert worker.kill() == (True, [])


def backends(pool: postgres.Pool, *, waiting: bool) -> int:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    with postgres.transaction(pool) as connection:
        lock = " AND wait_event_type = 'Lock'" if waiting else ""
        [(count,)] = connection.execute((query + lock).encode(), (APPLICATION,)).fetchall()
        return int(count)


def await_backends(pool: postgres.Pool, count: int, *, waiting: bool, worker: Worker | None = None) -> None:
    def reached() -> bool:
        assert worker is None or worker.runs, worker.ended()
        return backends(pool, waiting=waiting) == count

    eventually(reached)


@pytest.mark.parametrize("step", STEPS)
def test_killed_in_the_apply(store: ZenginStore, pool: postgres.Pool, step: str) -> None:
    with store.transaction() as session:
        for name in ("first", "second"):
            session.add_changeset(changeset(name), who="tests", now=NOW)
        session.stage_and_apply("first", FIRST, business_date=DAY, now=NOW)
    with workers(applies_second) as waiting, postgres.transaction(pool) as connection:
        connection.execute(STEPS[step].encode())
        worker = next(waiting)
        worker.begin("now")
        await_backends(pool, 1, waiting=True, worker=worker)
        killed(worker)
    # the server notices when it writes to the dead client, and rolls back
    await_backends(pool, 0, waiting=False)
    with store.snapshot() as session:
        banks, branches = session.current_master()
        assert banks.equals(MASTERS[0][0])
        assert branches.equals(MASTERS[0][1])
        assert session.history("second").is_empty()
        assert session.master_as_of(DAY)[1].equals(MASTERS[0][1])
    with store.transaction() as session:
        again = session.stage_and_apply("second", SECOND, business_date=DAY, now=NOW)
    assert (again.applied, again.already) == (SECOND.height, 0)
    with store.snapshot() as session:
        assert session.current_master()[1].equals(MASTERS[1][1])


def test_killed_after_the_commit(store: ZenginStore) -> None:
    """Nobody heard that it was applied: the next one finds it in the history."""
    with store.transaction() as session:
        for name in ("first", "second"):
            session.add_changeset(changeset(name), who="tests", now=NOW)
        session.stage_and_apply("first", FIRST, business_date=DAY, now=NOW)
    with workers(applies_second) as waiting:
        worker = next(waiting)
        worker.begin("now")
        assert worker.ended() == []
    with store.transaction() as session:
        again = session.stage_and_apply("second", SECOND, business_date=DAY, now=NOW)
        assert (again.applied, again.already, again.conflicts) == (0, SECOND.height, 0)
        assert session.history("second").height == SECOND.height


def test_killed_between_s3_and_the_item(
    records: RecordStore, dynamo_proxy: DynamoProxy, table: str, s3: S3Client
) -> None:
    dynamo_proxy.hold("TransactWriteItems")
    with workers(puts_records, dynamo_proxy.url, table) as waiting:
        worker = next(waiting)
        worker.begin("now")
        assert dynamo_proxy.reached.wait(PATIENCE)
        killed(worker)
    assert s3.head_object(Bucket=BUCKET, Key=f"diffs/{BIG.id}.json")["ContentLength"] > 350_000
    for one in (BIG, record(2)):
        with pytest.raises(NotFound):
            records.get(one.id)
    assert records.put_new([BIG, record(2)]) == 2
    assert records.get(BIG.id).zengin_data == BIG.zengin_data
    assert records.put_new([BIG, record(2)]) == 0

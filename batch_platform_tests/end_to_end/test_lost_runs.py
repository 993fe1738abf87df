"""kill -9 in the middle of a run, of whatever takes part: the run is found and run again, and nothing is doubled."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal

import pytest

from batch_platform.btc import service
from batch_platform.btc.jobs import ADJUSTMENT, BATCH_TAG
from batch_platform.btc.model import BatchStatus, Options
from batch_platform.btc.service import BtcContext
from batch_platform.core.clock import utc_now
from batch_platform.local import clients
from batch_platform.local.processes import Process
from batch_platform.local.up import UpState
from batch_platform_tests.end_to_end.machine import LAKE, OF_THE_BUCKET, Machine, ended_months, month_files
from batch_platform_tests.end_to_end.stack import Stack
from batch_platform_tests.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.faults, pytest.mark.end_to_end]

# An account belongs to one project.
ACCOUNTS = {
    "calm": "200000000070",
    "lost-worker": "200000000071",
    "lost-code-server": "200000000072",
    "alone": "200000000073",
}
COMPUTED = ("finops_cost_summary", "finops_cost_service_monthly", "finops_cost_anomalies", "finops_cost_forecasts")
JOBS = "/api/admin/batch/jobs"
STARTED = re.compile(r"Started process for run \(pid: (\d+)\)\.")
EVENTS = """
query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { ... on MessageEvent { message } } } } }
"""


@pytest.fixture(scope="module")
def month() -> date:
    return ended_months(1)[0]


@pytest.fixture(scope="module")
def undisturbed(machine: Machine, stack: Stack, month: date) -> Iterator[dict[str, list[str]]]:
    """What stands in the tables after a run that nothing disturbed."""
    deliver(machine, "calm", month)
    (run,) = stack.finished("calm", 1)
    assert run["status"] == "SUCCESS"
    yield rows(machine, "calm")
    machine.disable_projects()


@pytest.mark.parametrize("killed", ["worker", "code-server and worker"])
def test_a_lost_run_is_run_again(
    machine: Machine, stack: Stack, month: date, undisturbed: dict[str, list[str]], killed: str
) -> None:
    project = "lost-" + killed.partition(" ")[0]
    with publication_held(machine, month):
        total = deliver(machine, project, month)
        worker = eventually(lambda: waiting_worker(machine, stack, project))
        if killed == "worker":
            os.kill(worker.pid, signal.SIGKILL)
        else:
            os.killpg(UpState.load(machine.home).processes["code-server"].pid, signal.SIGKILL)
        assert worker.wait(PATIENCE)
    lost, again = stack.finished(project, 2)
    assert (lost["status"], again["status"]) == ("FAILURE", "SUCCESS"), stack.failures(again["runId"])
    assert again["tags"]["dagster/parent_run_id"] == lost["runId"]
    assert machine.total(project, month) == total
    assert rows(machine, project) == undisturbed


def test_daemon_and_web_are_not_needed_by_a_run(
    machine: Machine, stack: Stack, month: date, undisturbed: dict[str, list[str]]
) -> None:
    with publication_held(machine, month):
        total = deliver(machine, "alone", month)
        eventually(lambda: waiting_worker(machine, stack, "alone"))
        before = dict(UpState.load(machine.home).processes)
        for name in ("daemon", "web"):
            before[name].send(signal.SIGKILL)
        eventually(lambda: all(restarted(machine, name, before[name]) for name in ("daemon", "web")))
    eventually(lambda: answers(stack))
    (run,) = stack.finished("alone", 1)
    assert run["status"] == "SUCCESS", stack.failures(run["runId"])
    assert machine.total("alone", month) == total
    assert rows(machine, "alone") == undisturbed


def test_a_batch_whose_worker_is_killed_is_finished_to_the_satoshi(machine: Machine, stack: Stack) -> None:
    """Nobody asks for the run of this approved batch but the sensor. What is asked for later waits in the queue."""
    context = batches_of(machine)
    service.seed_users(batches_of(machine, ago=timedelta(minutes=2)), 150, by="test")
    batch = service.create(batches_of(machine, ago=timedelta(minutes=1)), "5", by="local:ann", approve=True)

    def first_run() -> str | None:
        return next((run["runId"] for run in stack.tagged(BATCH_TAG, batch.batch_id)), None)

    lost = eventually(first_run)
    worker = eventually(lambda: worker_of(stack, lost))
    eventually(
        lambda: service.transactions(context, batch.batch_id, limit=1).rows,
        pause=0.02,
        hint=lambda: stack.failures(lost),
    )
    os.kill(worker.pid, signal.SIGSTOP)

    with stack.client("administrator") as client:
        asked = client.post(f"{JOBS}/{ADJUSTMENT}/execute", json={"parameters": {"batchId": batch.batch_id}})
        assert asked.status_code == 202, asked.text
    time.sleep(2)  # the queue is looked at each second
    runs = {run["runId"]: run["status"] for run in stack.tagged(BATCH_TAG, batch.batch_id)}
    assert sorted(runs.values()) == ["QUEUED", "STARTED"]
    assert runs[lost] == "STARTED"
    assert 0 < context.store.ledger.rows(batch.batch_id, 1).height < batch.target_user_count

    os.kill(worker.pid, signal.SIGKILL)
    eventually(lambda: service.batch(context, batch.batch_id).status is BatchStatus.COMPLETED)
    eventually(lambda: ended(stack, batch.batch_id))
    runs = {run["runId"]: run["status"] for run in stack.tagged(BATCH_TAG, batch.batch_id)}
    assert runs.pop(lost) == "FAILURE"
    assert set(runs.values()) == {"SUCCESS"}
    found = service.verify(context)
    assert found.ok, found
    assert [proof.applied_sum for proof in found.proofs] == [batch.plan_sum]


def batches_of(machine: Machine, ago: timedelta = timedelta(0)) -> BtcContext:
    """btc in this process; its batches have a user a chunk, so that a worker has many moments to die at."""
    return service.build_context(
        dynamodb=clients.dynamodb(machine.variables),
        s3=machine.s3,
        lake_bucket=LAKE,
        env="local",
        options=Options(chunk_users=1),
        clock=lambda: utc_now() - ago,
    )


def ended(stack: Stack, batch_id: str) -> bool:
    return all(run["status"] in ("SUCCESS", "FAILURE") for run in stack.tagged(BATCH_TAG, batch_id))


def deliver(machine: Machine, project: str, month: date) -> Decimal:
    """A month in a bucket of its own, the same for every project but for the account; what it costs."""
    files, total = month_files(month, account=ACCOUNTS[project], files=2)
    bucket = machine.bucket()
    bucket.deliver(month, files)
    machine.add_project(project, bucket.name)
    return total


def rows(machine: Machine, project: str) -> dict[str, list[str]]:
    """All that the platform computed of a project, without its name and its account."""
    shown = machine.dump(project, without=OF_THE_BUCKET)
    names = re.compile(f"{re.escape(project)}|{ACCOUNTS[project]}")
    return {table: sorted(names.sub("-", row) for row in shown[table]) for table in COMPUTED}


@contextmanager
def publication_held(machine: Machine, month: date) -> Iterator[None]:
    """Whoever wants to publish the month waits, its files read, until the end of the block."""
    with machine.connect() as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"finops publish {month}",))
        yield


def waiting_worker(machine: Machine, stack: Stack, project: str) -> Process | None:
    """The process of the project's only run, once it waits for the lock."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'"
    if not machine.value(waits):  # Dagster is asked once there is somebody: its answers cost ten times as much
        return None
    [run] = stack.runs(project)
    return worker_of(stack, run["runId"])


def worker_of(stack: Stack, run_id: str) -> Process | None:
    """The process of a run, once it has one."""
    events = stack.ask(EVENTS, run=run_id)["logsForRun"]["events"]
    pids = [int(found[1]) for event in events if (found := STARTED.fullmatch(event.get("message") or ""))]
    return Process.of(pids[-1]) if pids else None


def restarted(machine: Machine, name: str, dead: Process) -> bool:
    return UpState.load(machine.home).processes.get(name) not in (None, dead)


def answers(stack: Stack) -> bool:
    try:
        return bool(stack.ask("{ version }"))
    except OSError:
        return False

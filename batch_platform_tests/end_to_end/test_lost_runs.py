"""kill -9 in the middle of a run, of whatever takes part: the run is found and run again, and nothing is doubled."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from batch_platform.local.processes import Process
from batch_platform.local.up import UpState
from batch_platform_tests.end_to_end.machine import Machine, ended_months, month_files
from batch_platform_tests.end_to_end.stack import Stack, eventually

pytestmark = [pytest.mark.faults, pytest.mark.end_to_end, pytest.mark.timeout(600)]

ACCOUNT = "200000000070"
STARTED = re.compile(r"Started process for run \(pid: (\d+)\)\.")
EVENTS = """
query($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events { ... on MessageEvent { message } } } } }
"""


@pytest.fixture(scope="module")
def calm(machine: Machine, stack: Stack) -> Iterator[tuple[str, date, Decimal, dict[str, list[str]]]]:
    """A month that nothing disturbed: its bucket, its total and its rows."""
    [month] = ended_months(1)
    files, total = month_files(month, account=ACCOUNT, files=2)
    bucket = machine.bucket()
    bucket.deliver(month, files)
    machine.add_project("calm", bucket.name)
    (run,) = stack.finished("calm", 1)
    assert run["status"] == "SUCCESS"
    yield bucket.name, month, total, rows(machine, "calm")
    machine.disable_projects()


@pytest.mark.parametrize("killed", ["worker", "code-server and worker"])
def test_a_lost_run_is_run_again(machine: Machine, stack: Stack, calm: Any, killed: str) -> None:
    bucket, month, total, undisturbed = calm
    project = "lost-" + killed.partition(" ")[0]
    with publication_held(machine, month):
        machine.add_project(project, bucket)
        worker = eventually(lambda: waiting_worker(machine, stack, project), seconds=90)
        if killed == "worker":
            os.kill(worker.pid, signal.SIGKILL)
        else:
            os.killpg(UpState.load(machine.home).processes["code-server"].pid, signal.SIGKILL)
        assert worker.wait(10)
    lost, again = stack.finished(project, 2)
    assert (lost["status"], again["status"]) == ("FAILURE", "SUCCESS")
    assert again["tags"]["dagster/parent_run_id"] == lost["runId"]
    assert machine.total(project, month) == total
    assert rows(machine, project) == undisturbed


def test_daemon_and_web_are_not_needed_by_a_run(machine: Machine, stack: Stack, calm: Any) -> None:
    bucket, month, total, undisturbed = calm
    with publication_held(machine, month):
        machine.add_project("alone", bucket)
        eventually(lambda: waiting_worker(machine, stack, "alone"), seconds=90)
        before = dict(UpState.load(machine.home).processes)
        for name in ("daemon", "web"):
            before[name].send(signal.SIGKILL)
        eventually(lambda: all(restarted(machine, name, before[name]) for name in ("daemon", "web")), seconds=30)
    eventually(lambda: answers(stack), seconds=30)
    (run,) = stack.finished("alone", 1)
    assert run["status"] == "SUCCESS"
    assert machine.total("alone", month) == total
    assert rows(machine, "alone") == undisturbed


def rows(machine: Machine, project: str) -> dict[str, list[str]]:
    """All that stands about a project, without its name."""
    shown = machine.dump(project, without=["project_name"])
    return {table: sorted(row.replace(project, "-") for row in found) for table, found in shown.items()}


@contextmanager
def publication_held(machine: Machine, month: date) -> Iterator[None]:
    """Whoever wants to publish the month waits, its files read, until the end of the block."""
    with machine.connect() as connection, connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"finops publish {month}",))
        yield


def waiting_worker(machine: Machine, stack: Stack, project: str) -> Process | None:
    """The process of the project's only run, once it waits for the lock."""
    waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND wait_event = 'advisory'"
    runs = stack.runs(project)
    if not runs or not machine.value(waits):
        return None
    [run] = runs
    events = stack.ask(EVENTS, run=run["runId"])["logsForRun"]["events"]
    pids = [int(found[1]) for event in events if (found := STARTED.fullmatch(event.get("message") or ""))]
    return Process.of(pids[-1]) if pids else None


def restarted(machine: Machine, name: str, dead: Process) -> bool:
    return UpState.load(machine.home).processes.get(name) not in (None, dead)


def answers(stack: Stack) -> bool:
    try:
        return bool(stack.ask("{ version }"))
    except OSError:
        return False

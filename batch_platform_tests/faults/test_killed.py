"""Processes killed by SIGKILL: whatever they had done, a re-run leaves the tables of an undisturbed run."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from batch_platform_tests.end_to_end.machine import OF_THE_BUCKET, Machine
from batch_platform_tests.faults.conftest import FILES, Case, answer, await_stopped, kill
from batch_platform_tests.waiting import PATIENCE, eventually

pytestmark = [pytest.mark.faults, pytest.mark.end_to_end]

KILLS = 2
COSTS = """
from batch_platform.definitions import build_definitions
from batch_platform.domains import load_settings
from batch_platform.finops import demo
from batch_platform.operations.dagster.launch import Launcher

settings = load_settings()
demo.run(settings, lambda step: None, Launcher(build_definitions(settings)))
"""
"""The demo's part of finops alone, on services that run."""


@pytest.mark.parametrize("seed", [1])
def test_fetch_killed_at_random_moments(case: Case, seed: int) -> None:
    moments = random.Random(seed)
    for _ in range(KILLS):
        killed_after(case.machine.spawn_cli("cur", "fetch", case.project), moments.uniform(0.5, 5))
    case.machine.cli("cur", "fetch", case.project)
    assert answer(case.worker())["changed"]
    case.assert_as_undisturbed()


@pytest.mark.parametrize("seed", [2])
def test_aggregate_killed_at_random_moments(case: Case, seed: int) -> None:
    moments = random.Random(seed)
    case.register()
    for _ in range(KILLS):
        killed_after(case.machine.spawn_cli("cur", "aggregate", case.project), moments.uniform(1, 7))
    case.machine.cli("cur", "aggregate", case.project)
    case.assert_as_undisturbed()


def test_a_worker_killed_at_each_stage(case: Case) -> None:
    """While files are read; with the last one's result sent; before publication; its rows written, uncommitted."""
    case.register()
    worker = case.worker("--stop", "after-file")
    with killed(worker):
        await_stopped(worker)
    assert case.statuses() == ["DONE"] + ["PROCESSING"] * (FILES - 1)

    last_file = "SELECT 1 FROM finops.finops_billing_files WHERE file_no = %s FOR UPDATE"
    worker = case.worker("--stop", "after-file")
    await_stopped(worker)
    with locked(case.machine, last_file, FILES - 1), killed(worker):
        os.kill(worker.pid, signal.SIGCONT)
        eventually(lambda: waiting_backends(case.machine) == 1)
    eventually(lambda: case.count("DONE") == FILES)  # the server does what it was told, whoever told it is gone
    assert case.published() is None

    publication = f"SELECT pg_advisory_xact_lock(hashtextextended('finops publish {case.month}', 0))"
    with locked(case.machine, publication), killed(case.worker()):
        eventually(lambda: waiting_backends(case.machine) == 1)
    assert case.published() is None

    with locked(case.machine, "LOCK TABLE finops.finops_months IN SHARE MODE"), killed(case.worker()):
        eventually(lambda: waiting_backends(case.machine) == 1)
    eventually(lambda: waiting_backends(case.machine) == 0)
    assert case.published() is None

    assert answer(case.worker())["changed"]
    case.assert_as_undisturbed()


def test_aggregate_killed_after_publication_is_completed_by_a_rerun(case: Case) -> None:
    case.register()
    anomalies = "LOCK TABLE finops.finops_cost_anomalies IN ACCESS EXCLUSIVE MODE"
    with locked(case.machine, anomalies), killed(case.machine.spawn_cli("cur", "aggregate", case.project)):
        eventually(lambda: waiting_backends(case.machine) == 1)
    assert case.published() == case.total
    case.machine.cli("cur", "aggregate", case.project)
    case.assert_as_undisturbed()


def test_a_killed_demo_ends_as_an_undisturbed_one(clean_environment: None) -> None:
    """From nothing on: its services, its tables, its bucket and its runs are all begun and cut off."""
    undisturbed, disturbed = Machine(), Machine()
    moments = random.Random(3)
    try:
        killed_after(disturbed.spawn_cli("demo"), moments.uniform(1, 6))
        disturbed.start()
        anomalies = "LOCK TABLE finops.finops_cost_anomalies IN ACCESS EXCLUSIVE MODE"
        with locked(disturbed, anomalies), killed(disturbed.spawn_cli("demo")):
            eventually(lambda: waiting_backends(disturbed) == 1)
        assert disturbed.value("SELECT count(*) FROM finops.finops_months") == 1
        killed_after(disturbed.spawn_cli("demo"), moments.uniform(6, 12))

        undisturbed.start()
        ends = [disturbed.spawn_cli("demo", "--quiet"), costs_shown(undisturbed)]
        printed = [process.communicate(timeout=2 * PATIENCE)[0] for process in ends]
        assert [process.returncode for process in ends] == [0, 0], printed
        assert all("1894.177396866720" in text for text in printed)
        assert "balances equal those before plus what was paid in and out since" in printed[0]
        assert "campaign demo equals its replay" in printed[0]
        assert ": issued 40; ¥" in printed[0]
        assert ": verified" in printed[0]
        dumps = [machine.dump(without=OF_THE_BUCKET) for machine in (disturbed, undisturbed)]
        assert dumps[0] == dumps[1]
        assert len(dumps[0]["finops_cost_summary"]) > 0

        runs = sorted(disturbed.dagster_runs())
        months = [status for job, status in runs if job == "cur_month"]
        assert (set(months), months.count("SUCCESS")) == ({"FAILURE", "SUCCESS"}, 2)
        assert costs_shown(disturbed).wait(PATIENCE) == 0
        assert sorted(disturbed.dagster_runs()) == runs
    finally:
        disturbed.stop()
        undisturbed.stop()


def costs_shown(machine: Machine) -> subprocess.Popen[str]:
    return machine.spawn("-c", COSTS, more=machine.variables)


def killed_after(process: subprocess.Popen[str], seconds: float) -> None:
    """Let a process run for a while, then kill it; one that is done sooner is left alone."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    kill(process)


@contextmanager
def killed(process: subprocess.Popen[str]) -> Iterator[None]:
    """The process meanwhile, killed at the end; one that has ended by itself was not killed where it should be."""
    try:
        yield
        assert process.poll() is None, process.communicate()
    finally:
        kill(process)


def waiting_backends(machine: Machine) -> int:
    """Connections of workers that wait for a lock."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name <> 'tests'"
    return int(machine.value(query))


@contextmanager
def locked(machine: Machine, statement: str, *parameters: object) -> Iterator[None]:
    """Hold a lock that the platform needs, so that a worker stands still at a known place."""
    with psycopg.connect(machine.variables["DATABASE_URL"], application_name="tests") as connection:
        connection.execute(statement.encode(), parameters or None)
        yield
        connection.rollback()

"""PostgreSQL killed under a working process: the supervisor starts it again, and nothing is lost or counted twice."""

from __future__ import annotations

import os
import signal

import pytest

from batch_platform_tests.faults.conftest import FILES, Case, answer, await_stopped, kill, kill_postgres
from batch_platform_tests.waiting import PATIENCE, eventually

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("point", ["before-finish", "before-publication"])
def test_a_worker_that_loses_the_database_says_so_or_goes_on(case: Case, point: str) -> None:
    case.register()
    worker = case.worker("--stop", point)
    try:
        await_stopped(worker)
        kill_postgres(case.machine)
        os.kill(worker.pid, signal.SIGCONT)
        printed, _ = worker.communicate(timeout=PATIENCE)
    finally:
        kill(worker)
    assert worker.returncode == 0 or '{"error": "PostgreSQL at 127.0.0.1' in printed, printed
    assert answer(case.worker())["published"]
    assert case.statuses() == ["DONE"] * FILES
    case.assert_as_undisturbed()


def test_a_command_whose_database_is_killed_ends_with_one_sentence_and_is_run_again(case: Case) -> None:
    """The same server keeps the run's own events, so Dagster loses its storage at the same moment."""
    case.register()
    process = case.machine.spawn_cli("cur", "aggregate", case.project)
    try:
        eventually(lambda: case.count("PROCESSING") > 0, pause=0.005)
        kill_postgres(case.machine)
        printed, _ = process.communicate(timeout=PATIENCE)
    finally:
        kill(process)
    if process.returncode:
        assert process.returncode == 1
        assert "Traceback" not in printed
        assert len([line for line in printed.splitlines() if line.startswith("error: ")]) == 1
    case.machine.cli("cur", "aggregate", case.project)
    case.assert_as_undisturbed()
    assert {status for _, status in case.machine.dagster_runs()} <= {"SUCCESS", "FAILURE"}

"""The keeper alone, with small programs."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_platform.local.processes import Process
from batch_platform.local.programs import Keeper, Patience, Program
from batch_platform_tests.waiting import eventually


def program(directory: Path, script: str, *, ready: bool = True) -> Program:
    return Program(
        name="small",
        command=("/bin/sh", "-c", script),
        environment={},
        directory=directory,
        log=directory / "small.log",
        port=0,
        ready=lambda: ready,
    )


@pytest.fixture
def keepers() -> Iterator[list[Keeper]]:
    started: list[Keeper] = []
    yield started
    for keeper in started:
        keeper.stop()


def keep(keepers: list[Keeper], found: Program, **patience: float) -> Keeper:
    keeper = Keeper("small", lambda: found, Patience(**patience))
    keepers.append(keeper)
    return keeper


def ticks(keeper: Keeper, until: object) -> None:
    def condition() -> bool:
        keeper.tick()
        return bool(until())  # type: ignore[operator]

    eventually(condition)


def test_a_dead_program_is_started_again(tmp_path: Path, keepers: list[Keeper]) -> None:
    keeper = keep(keepers, program(tmp_path, "exec sleep 60"))
    ticks(keeper, lambda: keeper.phase == "ready")
    first = keeper.process
    assert first is not None
    first.send(signal.SIGKILL)
    ticks(keeper, lambda: keeper.phase == "ready" and keeper.process != first)
    assert (keeper.starts, keeper.failures, keeper.error) == (2, 1, None)


def test_a_program_that_keeps_dying_waits_longer_each_time(tmp_path: Path, keepers: list[Keeper]) -> None:
    keeper = keep(keepers, program(tmp_path, "echo broken; exit 1", ready=False), longest_pause=0.3)
    started = time.monotonic()
    ticks(keeper, lambda: keeper.failures == 4)
    assert time.monotonic() - started > 0.6
    assert keeper.error == f"small stopped; see {tmp_path / 'small.log'}"
    assert (tmp_path / "small.log").read_text() == "broken\n" * 4


def test_a_program_that_never_gets_ready_is_ended(tmp_path: Path, keepers: list[Keeper]) -> None:
    keeper = keep(keepers, program(tmp_path, "exec sleep 60", ready=False), start=0.1)
    keeper.tick()
    process = keeper.process
    assert process is not None
    ticks(keeper, lambda: keeper.failures == 1)
    assert not process.alive()
    assert keeper.error is not None
    assert "not ready after" in keeper.error


def test_a_program_that_falls_silent_is_ended(tmp_path: Path, keepers: list[Keeper]) -> None:
    answers = [True]
    found = Program(**{**program(tmp_path, "exec sleep 60").__dict__, "ready": lambda: answers[0]})
    keeper = keep(keepers, found, silent=0.2, probe=0.05)
    ticks(keeper, lambda: keeper.phase == "ready")
    answers[0] = False
    ticks(keeper, lambda: keeper.failures == 1)
    assert keeper.error is not None
    assert "silent" in keeper.error


def test_a_program_that_cannot_be_prepared_is_an_error_not_a_crash(keepers: list[Keeper]) -> None:
    def prepare() -> Program:
        raise OSError("disk full")

    keeper = Keeper("small", prepare)
    keeper.tick()
    assert keeper.error == "small cannot be started: disk full"


def test_a_process_is_told_from_a_later_one_with_its_pid(tmp_path: Path, keepers: list[Keeper]) -> None:
    keeper = keep(keepers, program(tmp_path, "exec sleep 60"))
    keeper.tick()
    process = keeper.process
    assert process is not None
    other = Process(pid=process.pid, started="another boot/1")
    assert not other.alive()
    other.stop()
    assert process.alive()


def test_a_program_that_ignores_its_signal_is_killed(tmp_path: Path, keepers: list[Keeper]) -> None:
    keeper = keep(keepers, program(tmp_path, "trap '' TERM; while :; do sleep 0.1; done"))
    keeper.tick()
    process = keeper.process
    assert process is not None
    time.sleep(0.2)
    process.stop(seconds=0.3)
    assert not process.alive()

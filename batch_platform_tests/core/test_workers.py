"""Whose process is dead, and how its end is waited for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from batch_platform.core.workers import await_death, is_dead, worker_name
from batch_platform_tests.other_worker import other_worker
from batch_platform_tests.waiting import PATIENCE


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    with other_worker() as found:
        yield found


def test_a_killed_process_is_dead_though_nobody_has_asked_for_its_end(
    other: tuple[subprocess.Popen[str], str],
) -> None:
    process, name = other
    assert not is_dead(name)
    assert not await_death(name, 0.01)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(await_death, name, PATIENCE, sleep=None)  # type: ignore[arg-type]
        process.kill()
        assert waiting.result(PATIENCE)
    assert is_dead(name)
    process.wait()
    assert await_death(name, PATIENCE)


def test_a_number_that_another_process_has_by_now_is_not_waited_for() -> None:
    host, pid, start, rest = worker_name().split("/")
    earlier = "/".join([host, pid, str(int(start) - 1), rest])
    assert is_dead(earlier)
    assert await_death(earlier, PATIENCE)


@pytest.mark.parametrize("name", ["elsewhere/1/1/ab", "nonsense", ""])
def test_of_another_machine_nothing_is_known(name: str) -> None:
    slept: list[float] = []
    assert not await_death(name, 7.0, sleep=slept.append)
    assert slept == [7.0]


def test_a_system_that_cannot_tell_is_asked_afterwards(
    other: tuple[subprocess.Popen[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    process, name = other
    monkeypatch.delattr(os, "pidfd_open")

    def killed_meanwhile(seconds: float) -> None:
        process.kill()
        process.wait()

    assert await_death(name, 7.0, sleep=killed_meanwhile)

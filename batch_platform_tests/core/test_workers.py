"""Whose process is dead."""

from __future__ import annotations

import pytest

from batch_platform.core.workers import is_dead, worker_name
from batch_platform_tests.other_worker import other_worker
from batch_platform_tests.waiting import eventually


def test_a_killed_process_is_dead_though_nobody_has_asked_for_its_end() -> None:
    with other_worker() as (process, name):
        assert not is_dead(name)
        process.kill()
        eventually(lambda: is_dead(name))
        process.wait()
        assert is_dead(name)


def test_a_number_that_another_process_has_by_now_is_another() -> None:
    host, pid, start, rest = worker_name().split("/")
    assert is_dead("/".join([host, pid, str(int(start) - 1), rest]))


@pytest.mark.parametrize("name", ["elsewhere/1/1/ab", "nonsense", ""])
def test_of_another_machine_nothing_is_known(name: str) -> None:
    assert not is_dead(name)

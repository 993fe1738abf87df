"""Real processes that are killed and stopped: the same scenarios that users run, with fewer of them."""

from __future__ import annotations

import signal

import pytest

from batch_platform.btc.proving.command import crash_proof
from batch_platform.btc.proving.ground import own_ground
from batch_platform.btc.proving.processes import batch_workers
from batch_platform.core.failures import PermanentFailure
from batch_platform.proving.cases import Wish
from batch_platform.settings import Settings
from batch_platform_tests.waiting import PATIENCE

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(("name", "disturbances"), [("kill -9", 3), ("SIGSTOP", 1)])
def test_no_satoshi_differs(provisioned: Settings, name: str, disturbances: int) -> None:
    wish = Wish(size=14, seed=5, kills=3, depth=0)
    [found] = crash_proof().verdicts(provisioned, wish, name)
    assert found.worst is None, found.worst
    assert found.disturbances == disturbances


def test_no_worker_outlives_the_proof(provisioned: Settings) -> None:
    with own_ground(provisioned) as ground, batch_workers(ground, ahead=1) as waiting:
        first = next(waiting)
        second = next(waiting)
        first.send(signal.SIGKILL)
        with pytest.raises(PermanentFailure, match="a worker cannot be started"):
            first.begin("no batch")
        assert second.runs
    assert not second.runs


def test_a_worker_that_failed_before_it_was_killed_is_told_of(provisioned: Settings) -> None:
    with own_ground(provisioned) as ground, batch_workers(ground) as waiting:
        worker = next(waiting)
        worker.begin("01999999-0000-7000-8000-000000000000")
        worker.process.join(PATIENCE)
        died, [wrong] = worker.kill()
    assert not died
    assert "a worker ended with 1: " in wrong
    assert "no batch 01999999" in wrong

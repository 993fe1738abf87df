"""A resident worker as its command runs it; `local/test_up.py` has it under the real supervisor."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from batch_platform.core.failures import NotFound
from batch_platform.kit.workers import Life, Worker, commands, is_alive
from batch_platform.settings import Settings

ROUNDS: list[int] = []


def _rounds(_settings: Settings, life: Life) -> None:
    while not life.wait(0.01):
        ROUNDS.append(os.getpid())
        if len(ROUNDS) == 3:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def handlers() -> Iterator[None]:
    """Signals are the process's own: what the command sets is put back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_a_worker_runs_until_it_is_told_to_end_and_says_that_it_lives(settings: Settings, tmp_path: Path) -> None:
    app = commands(lambda: (Worker("counting", "Counts.", _rounds, count=2, id="R_1"),), lambda: settings)
    listed = CliRunner().invoke(app, ["list", "--json"])
    assert json.loads(listed.stdout) == [{"id": "R_1", "name": "counting", "count": 2, "description": "Counts."}]
    ROUNDS.clear()
    heartbeat = tmp_path / "workers" / "counting-1"
    assert not is_alive(heartbeat)
    ended = CliRunner().invoke(app, ["run", "R_1", "--heartbeat", str(heartbeat)])
    assert (ended.exit_code, len(ROUNDS)) == (0, 3)
    assert is_alive(heartbeat)
    os.utime(heartbeat, (0, 0))
    assert not is_alive(heartbeat)


def test_an_unknown_worker_is_refused(settings: Settings) -> None:
    ended = CliRunner().invoke(commands(tuple, lambda: settings), ["run", "nobody"])
    assert isinstance(ended.exception, NotFound)
    assert "no worker nobody" in str(ended.exception)

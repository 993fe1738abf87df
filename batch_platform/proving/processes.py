"""Real processes, to be killed by SIGKILL at random moments and stopped by SIGSTOP for longer than their lease."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import IO

from batch_platform.core.failures import PermanentFailure
from batch_platform.proving import worker
from batch_platform.proving.cases import STUCK

Step = Callable[..., Callable[[str], object]]
"""Prepares a process by arguments of its own, and returns what it is to do with the line it is sent."""


@dataclass
class Worker:
    """A process that waits for its line; made before it is needed, because its imports take a while."""

    process: subprocess.Popen[str]
    ready: bool = False

    def await_ready(self) -> None:
        """Wait until it is prepared. Raises `PermanentFailure` for one that could not."""
        if not self.ready and _pipe(self.process.stdout).readline() != "ready\n":
            raise PermanentFailure(
                "worker-not-started", "a worker cannot be started: {reason}", reason="; ".join(self.ended())
            )
        self.ready = True

    def begin(self, line: str) -> None:
        """Let it begin, once it is ready. Raises as `await_ready`."""
        self.await_ready()
        orders = _pipe(self.process.stdin)
        orders.write(f"{line}\n")
        orders.flush()

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> tuple[bool, list[str]]:
        """End it at once, wherever it is: whether it was still running, and what is wrong with its end if not."""
        self.process.kill()
        _, output = self.process.communicate()
        killed = self.process.returncode == -signal.SIGKILL
        return killed, [] if killed else self._end(output)

    def ended(self) -> list[str]:
        """Wait for its end; what is wrong with it."""
        try:
            _, output = self.process.communicate(timeout=STUCK)
        except subprocess.TimeoutExpired:
            self.kill()
            return [f"a worker did not end within {STUCK} seconds"]
        return self._end(output)

    def _end(self, output: str) -> list[str]:
        code = self.process.returncode
        return [] if code == 0 else [f"a worker ended with {code}: {output.strip()[-300:]}"]


@contextmanager
def workers(step: Step, *arguments: str, ahead: int = 0) -> Iterator[Iterator[Worker]]:
    """Any number of processes, `ahead` of them started while others are at work; none outlives the block.

    `step` must be found by its name in its module.
    """
    made: list[Worker] = []
    command = (sys.executable, "-m", worker.__name__, f"{step.__module__}:{step.__qualname__}", *arguments)

    def one_more() -> None:
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # noqa: S603
        made.append(Worker(process))

    def all_of_them() -> Iterator[Worker]:
        for number in count():
            while len(made) <= number + ahead:
                one_more()
            yield made[number]

    try:
        yield all_of_them()
    finally:
        for process in made:
            if process.runs:
                process.kill()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream

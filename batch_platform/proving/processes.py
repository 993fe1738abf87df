"""Real processes, to be killed by SIGKILL at random moments and stopped by SIGSTOP for longer than their lease.

They are forked from a process that has loaded what they need (`multiprocessing` calls it a fork server), so that they
are killed at work and not while they import.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from batch_platform.core.failures import PermanentFailure
from batch_platform.proving.cases import STUCK

Step = Callable[..., Callable[[str], object]]
"""Prepares a process by arguments of its own, and returns what it is to do with the line it is sent."""


@dataclass
class Worker:
    """A process that waits for its line; made before it is needed, because it takes a while to prepare itself."""

    process: BaseProcess
    orders: Connection
    output: Connection
    ready: bool = False

    def await_ready(self) -> None:
        """Wait until it is prepared. Raises `PermanentFailure` for one that could not."""
        try:
            self.ready = self.ready or self.orders.recv()
        except EOFError:
            reason = "; ".join(self.ended())
            raise PermanentFailure(
                "worker-not-started", "a worker cannot be started: {reason}", reason=reason
            ) from None

    def begin(self, line: str) -> None:
        """Let it begin, once it is ready. Raises as `await_ready`."""
        self.await_ready()
        self.orders.send(line)

    def send(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    @property
    def runs(self) -> bool:
        return self.process.is_alive()

    def kill(self) -> tuple[bool, list[str]]:
        """End it at once, wherever it is: whether it was still running, and what is wrong with its end if not."""
        self.process.kill()
        self.process.join()
        killed = self.process.exitcode == -signal.SIGKILL
        return killed, [] if killed else self._end()

    def ended(self) -> list[str]:
        """Wait for its end; what is wrong with it."""
        self.process.join(STUCK)
        if self.runs:
            self.kill()
            return [f"a worker did not end within {STUCK} seconds"]
        return self._end()

    def _end(self) -> list[str]:
        code = self.process.exitcode
        return [] if code == 0 else [f"a worker ended with {code}: {self._printed()[-300:]}"]

    def _printed(self) -> str:
        with open(self.output.fileno(), errors="replace", closefd=False) as output:
            return output.read().strip()


@contextmanager
def workers(step: Step, *arguments: str, ahead: int = 0) -> Iterator[Iterator[Worker]]:
    """Any number of processes, `ahead` of them started while others are at work; none outlives the block.

    `step` must be found by its name in its module. The processes have the environment of the block's begin.
    """
    made: list[Worker] = []
    environment = dict(os.environ)
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["__main__", step.__module__])

    def one_more() -> None:
        orders, taken = forks.Pipe()
        output, printed = forks.Pipe(duplex=False)
        process = forks.Process(target=_work, args=(step, arguments, environment, taken, printed))
        process.start()
        taken.close()
        printed.close()
        made.append(Worker(process, orders, output))

    def all_of_them() -> Iterator[Worker]:
        for number in count():
            while len(made) <= number + ahead:
                one_more()
            yield made[number]

    try:
        yield all_of_them()
    finally:
        for worker in made:
            worker.kill()


def _work(
    step: Step, arguments: tuple[str, ...], environment: Mapping[str, str], orders: Connection, output: Connection
) -> None:
    """The process: prepares the step, waits for its line, and does it. What it prints is read at its end."""
    for stream in (1, 2):
        os.dup2(output.fileno(), stream)
    output.close()
    os.environ.clear()
    os.environ.update(environment)
    do = step(*arguments)
    orders.send(True)
    do(orders.recv())

"""The workers that are killed, and how they are: each is a process of its own that was up before the batch began."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


def worked(batch_id: str, workers: Sequence[Worker], moments: Sequence[float]) -> int:
    """Workers that work on a batch until it has ended, one after the other; how many of them were killed.

    At each of the `moments`, in seconds from the first one's beginning, whoever works is killed, wherever it stands.
    The next one stands by meanwhile: it has been told of the batch at the kill before.
    """
    died = 0
    began = time.perf_counter()
    workers[0].work_on(batch_id)
    for moment in moments:
        workers[died + 1].work_on(batch_id)
        if workers[died].ends_within(max(0.0, began + moment - time.perf_counter())):
            break
        workers[died].kill()
        died += 1
    for worker in workers[died : died + 2]:
        worker.join(batch_id)
    return died


class Worker:
    """A process that is at work as a worker is that has been up for a while: whatever starts is done.

    It is forked from one that has imported everything. Nothing of polars may have run there: its threads stay behind.
    """

    def __init__(self) -> None:
        from benchmarks.btc import worker as program  # its clients are those of the environment it is imported in

        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload([program.__name__])
        self._orders, orders = forks.Pipe()
        self._process = forks.Process(target=program.work, args=(orders,))
        self._process.start()
        orders.close()

    def await_ready(self) -> None:
        self._orders.recv()

    def work_on(self, batch_id: str) -> None:
        self._orders.send(batch_id)

    def ends_within(self, seconds: float) -> bool:
        self._process.join(seconds)
        return self._process.exitcode is not None

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def join(self, batch_id: str) -> None:
        """Raises `RuntimeError` unless it ended well."""
        self._process.join()
        if self._process.exitcode:
            raise RuntimeError(f"a worker of batch {batch_id} failed with {self._process.exitcode}")


@contextmanager
def started(count: int) -> Iterator[list[Worker]]:
    """So many workers, ready; those that were not needed are ended."""
    workers = [Worker() for _ in range(count)]
    try:
        for worker in workers:
            worker.await_ready()
        yield workers
    finally:
        for worker in workers:
            worker.kill()

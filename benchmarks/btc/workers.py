"""The workers that are killed, each a process of its own: up before the batch began, or forked when it is needed."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


def worked(batch_id: str, workers: Iterator[Worker], moments: Sequence[float]) -> int:
    """Workers that work on a batch until it has ended, one after the other; how many of them were killed.

    At each of the `moments`, in seconds from the first one's beginning, whoever works is killed, wherever it stands.
    The next one stands by meanwhile: it is taken, and told of the batch, at the kill before.
    """
    died = 0
    began = time.perf_counter()
    at_work = next(workers)
    at_work.work_on(batch_id)
    for moment in moments:
        standing_by = next(workers)
        standing_by.work_on(batch_id)
        if at_work.ends_within(max(0.0, began + moment - time.perf_counter())):
            standing_by.join(batch_id)
            break
        at_work.kill()
        died += 1
        at_work = standing_by
    at_work.join(batch_id)
    return died


class Worker:
    """A process forked from one that has imported everything.

    Nothing of polars may have run there: its threads stay behind. A warm one has done what only the first time takes.
    """

    def __init__(self, *, warm: bool) -> None:
        from benchmarks.btc import worker as program  # its clients are those of the environment it is imported in

        forks = multiprocessing.get_context("forkserver")
        forks.set_forkserver_preload([program.__name__])
        self._orders, orders = forks.Pipe()
        self._process = forks.Process(target=program.work, args=(orders, warm))
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
def up_before(count: int) -> Iterator[Iterator[Worker]]:
    """So many workers, ready; those that were not needed are ended."""
    workers = [Worker(warm=True) for _ in range(count)]
    try:
        for worker in workers:
            worker.await_ready()
        yield iter(workers)
    finally:
        for worker in workers:
            worker.kill()


@contextmanager
def forked_on_demand(count: int) -> Iterator[Iterator[Worker]]:
    """So many workers, of which the first is ready and each other one begins when it is asked for."""
    workers = [Worker(warm=True)]

    def taken() -> Iterator[Worker]:
        yield workers[0]
        for _ in range(count - 1):
            workers.append(Worker(warm=False))
            yield workers[-1]

    try:
        workers[0].await_ready()
        yield taken()
    finally:
        for worker in workers:
            worker.kill()

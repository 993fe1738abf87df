"""Real processes: killed by SIGKILL at random moments, and stopped by SIGSTOP for longer than their lease.

Requests that a dying process has sent still arrive after its death. So nobody's withdrawals are such that it would
matter whether they come before or after a row: what must come out is known without knowing when what came.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from batch_platform.btc import service
from batch_platform.btc.model import REVERSIBLE, Batch
from batch_platform.btc.proving.ground import Ground
from batch_platform.btc.proving.oracle import SATOSHI, Line
from batch_platform.btc.proving.play import BatchCase, Play
from batch_platform.core.clock import utc_now
from batch_platform.core.failures import Conflict, TransientFailure
from batch_platform.proving.cases import STUCK, Played, Scenario, Wish
from batch_platform.proving.processes import Worker, workers
from batch_platform.settings import load_settings

LEASE: Final = timedelta(milliseconds=700)
USERS: Final = 30
"""So many times as many users as in other scenarios: a batch has to last while processes are killed."""

_LOOK: Final = 0.01
_BEATS: Final = 5
"""Renewals in the time of a lease."""
_MOMENTS: Final = 0.2
"""Seconds of work within which a process is killed or stopped."""
_CATCHES: Final = 6
_SUCCESSORS: Final = 0.3
"""How many of the killed have a process that waits for their end."""


def batch_worker(table_prefix: str, milliseconds: str) -> Callable[[str], Batch]:
    """A process that runs the batch whose id it is sent, by the use case everybody calls, with so short a lease."""
    lease = timedelta(milliseconds=int(milliseconds))
    beat = lease.total_seconds() / _BEATS
    context = Ground(load_settings(), table_prefix).worker(utc_now, lease=lease, heartbeat=beat)
    return partial(service.run_when_free, context)


def batch_workers(ground: Ground, *, ahead: int = 0) -> AbstractContextManager[Iterator[Worker]]:
    """Any number of processes that run a batch: see `workers`."""
    return workers(batch_worker, ground.table_prefix, str(LEASE // timedelta(milliseconds=1)), ahead=ahead)


# killed


def kill_cases(wish: Wish) -> Iterator[BatchCase]:
    shapes = (("5", 1), ("-40", 16))[: 2 if wish.depth else 1]
    for number, (rate, shards) in enumerate(shapes):
        kills = -(-wish.kills // len(shapes))
        case = BatchCase("kill -9", wish.seed, number, users=wish.size * USERS, rate=rate, shards=shards)
        yield replace(case, chunk_users=1, kills=kills)


def play_kills(ground: Ground, case: BatchCase) -> Played:
    """Killed so many times, and followed each time by a process that comes or one that waits; batch after batch,
    as many as that takes."""
    play = Play(ground, case, utc_now)
    differing: list[str] = []
    kills = number = 0
    with batch_workers(ground, ahead=1) as waiting:
        while kills < case.kills and not differing:
            number += 1
            lines = play.lines()
            batch = play.begin(play.calm, number)
            died, successor = True, None
            while died and kills < case.kills:
                worker = successor or _begun(batch, waiting)
                successor = _begun(batch, waiting) if play.random.random() < _SUCCESSORS else None
                time.sleep(play.random.random() * _MOMENTS)
                died, wrong = worker.kill()
                differing += wrong
                kills += died
                _pay_a_little(play, lines)
            # the last one comes to the end, also where there is nothing left to do
            last = successor or _begun(batch, waiting)
            differing += last.ended()
            play.ended(batch.batch_id, lines)
            differing += play.differences()
    return Played(case, tuple(differing), struck=kills)


def _begun(batch: Batch, waiting: Iterator[Worker]) -> Worker:
    worker = next(waiting)
    worker.begin(batch.batch_id)
    return worker


def _pay_a_little(play: Play, lines: Sequence[Line]) -> None:
    """Deposits, of which some part is taken out again: a row that has its cover keeps it."""
    names = [line.name for line in lines if line.state == "pending"]
    for name in play.random.sample(names, min(2, len(names))):
        amount = play.random.randint(2, 10**9)
        play.pay(name, amount * SATOSHI)
        play.pay(name, -play.random.randint(1, amount) * SATOSHI)


# stopped


def stop_cases(wish: Wish) -> Iterator[BatchCase]:
    for number in range((1, 4, 20)[wish.depth]):
        case = BatchCase("SIGSTOP", wish.seed, number, users=wish.size * USERS, rate=("-40", "5")[number % 2])
        yield replace(case, chunk_users=1, shards=(1, 16)[number // 2 % 2])


def play_stopped(ground: Ground, case: BatchCase) -> Played:
    """Stopped somewhere in the middle; when its lease has run out another one finishes; then it goes on.

    One that has come to its end before it was stopped is followed by another, with the next batch, stopped earlier.
    """
    play = Play(ground, case, utc_now)
    differing: list[str] = []
    with batch_workers(ground) as waiting:
        for number in range(1, _CATCHES + 1):
            lines = play.lines()
            batch = play.begin(play.calm, number)
            worker = next(waiting)
            worker.begin(batch.batch_id)
            _until_it_works(play, batch)
            time.sleep(play.random.random() * _MOMENTS / number)
            worker.send(signal.SIGSTOP)
            try:
                caught = service.batch(play.calm, batch.batch_id).status not in REVERSIBLE
                if caught:
                    differing += _taken_over(play, batch)
                play.ended(batch.batch_id, lines)
                play.payday()
            finally:
                worker.send(signal.SIGCONT)
            differing += worker.ended()
            if caught:
                return Played(case, (*differing, *play.differences()), struck=1)
    return Played(case, (*differing, f"none of {_CATCHES} workers could be stopped in the middle"))


def _until_it_works(play: Play, batch: Batch) -> None:
    given_up = time.monotonic() + STUCK
    while service.batch(play.calm, batch.batch_id).fencing == 0 and time.monotonic() < given_up:
        time.sleep(_LOOK)


def _taken_over(play: Play, batch: Batch) -> list[str]:
    """Another worker is refused until the lease has run out, and then comes to the end."""
    looks: list[datetime] = []

    def clock() -> datetime:
        looks.append(play.clock())
        return looks[-1]

    taker = play.ground.worker(clock, play.options)
    given_up = time.monotonic() + STUCK
    while time.monotonic() < given_up:
        until = service.batch(play.calm, batch.batch_id).lease_expires_at
        looks.clear()
        try:
            service.run(taker, batch.batch_id)
        except (Conflict, TransientFailure):
            time.sleep(_LOOK)
            continue
        # the first look at the clock is the one by which the lease was judged
        return ["a worker was let in while another one held the lease"] if until and looks[0] < until else []
    return [f"the lease of a stopped worker did not run out within {STUCK} seconds"]


IN_PROCESSES: Final = (
    Scenario("kill -9", "real processes killed at random moments", kill_cases, play_kills),
    Scenario("SIGSTOP", "real processes stopped beyond their lease", stop_cases, play_stopped),
)

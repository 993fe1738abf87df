"""Real processes: killed by SIGKILL at random moments, and stopped by SIGSTOP for longer than their lease.

Requests that a dying process has sent still arrive after its death. So nobody's withdrawals are such that it would
matter whether they come before or after a row: what must come out is known without knowing when what came.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import IO, Final

from batch_platform.btc import service
from batch_platform.btc.model import REVERSIBLE, Batch
from batch_platform.btc.proving.ground import Ground
from batch_platform.btc.proving.oracle import SATOSHI, Line
from batch_platform.btc.proving.play import Case, Play, Played
from batch_platform.btc.proving.scenarios import STUCK, Scenario, Wish
from batch_platform.core.clock import utc_now
from batch_platform.core.failures import Conflict, PermanentFailure, TransientFailure

LEASE: Final = timedelta(milliseconds=700)
USERS: Final = 30
"""So many times as many users as in other scenarios: a batch has to last while processes are killed."""

_LOOK: Final = 0.01
_MOMENTS: Final = 0.2
"""Seconds of work within which a process is killed or stopped."""
_CATCHES: Final = 6
_STANDBYS: Final = 0.3
"""How many of the killed have a process that stands by."""


@dataclass
class Worker:
    """A process that waits for the id of a batch; made before it is needed, because its imports take a while."""

    process: subprocess.Popen[str]

    def begin(self, batch_id: str) -> None:
        if _pipe(self.process.stdout).readline() != "ready\n":
            raise PermanentFailure(f"a worker cannot be started: {'; '.join(self.ended())}")
        asked = _pipe(self.process.stdin)
        asked.write(f"{batch_id}\n")
        asked.flush()

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> tuple[bool, list[str]]:
        """End it at once, wherever it is: whether it was still running, and what is wrong with its end if not."""
        self.process.kill()
        _, told = self.process.communicate()
        killed = self.process.returncode == -signal.SIGKILL
        return killed, [] if killed else self._end(told)

    def ended(self) -> list[str]:
        """Wait for its end; what is wrong with it."""
        try:
            _, told = self.process.communicate(timeout=STUCK)
        except subprocess.TimeoutExpired:
            self.kill()
            return [f"a worker did not end within {STUCK} seconds"]
        return self._end(told)

    def _end(self, told: str) -> list[str]:
        code = self.process.returncode
        return [] if code == 0 else [f"a worker ended with {code}: {told.strip()[-300:]}"]


@contextmanager
def workers(ground: Ground, *, ahead: int = 0) -> Iterator[Iterator[Worker]]:
    """Any number of processes, `ahead` of them started while others are at work; none outlives the block."""
    made: list[Worker] = []

    def one_more() -> Worker:
        command = (sys.executable, "-m", __name__.replace("processes", "worker"))
        arguments = (ground.project, str(LEASE // timedelta(milliseconds=1)))
        pipe = subprocess.PIPE
        process = subprocess.Popen([*command, *arguments], stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # noqa: S603
        made.append(Worker(process))
        return made[-1]

    def all_of_them() -> Iterator[Worker]:
        for number in count():
            while len(made) <= number + ahead:
                one_more()
            yield made[number]

    try:
        yield all_of_them()
    finally:
        for one in made:
            if one.runs:
                one.kill()


# killed


def kill_cases(wish: Wish) -> Iterator[Case]:
    shapes = (("5", 1), ("-40", 16))[: 2 if wish.depth else 1]
    for number, (rate, shards) in enumerate(shapes):
        kills = -(-wish.kills // len(shapes))
        case = Case("kill -9", wish.seed, wish.users * USERS, number, rate=rate, shards=shards)
        yield replace(case, chunk_users=1, kills=kills)


def play_kills(ground: Ground, case: Case) -> Played:
    """Killed so many times, and followed each time by a process that comes or one that stands by; batch after batch,
    as many as that takes."""
    play = Play(ground, case, utc_now)
    found: list[str] = []
    kills = number = 0
    with workers(ground, ahead=1) as waiting:
        while kills < case.kills and not found:
            number += 1
            lines = play.lines()
            batch = play.begin(play.calm, number)
            died, standby = True, None
            while died and kills < case.kills:
                worker = standby or _begun(batch, waiting)
                standby = _begun(batch, waiting) if play.random.random() < _STANDBYS else None
                time.sleep(play.random.random() * _MOMENTS)
                died, wrong = worker.kill()
                found += wrong
                kills += died
                _pay_a_little(play, lines)
            # the last one comes to the end, also where there is nothing left to do
            last = standby or _begun(batch, waiting)
            found += last.ended()
            play.ended(batch.batch_id, lines)
            found += play.differences()
    return Played(case, tuple(found), struck=kills)


def _begun(batch: Batch, waiting: Iterator[Worker]) -> Worker:
    worker = next(waiting)
    worker.begin(batch.batch_id)
    return worker


def _pay_a_little(play: Play, lines: Sequence[Line]) -> None:
    """Deposits, of which some part is taken out again: a row that has its cover keeps it."""
    names = [one.name for one in lines if one.state == "pending"]
    for name in play.random.sample(names, min(2, len(names))):
        amount = play.random.randint(2, 10**9)
        play.pay(name, amount * SATOSHI)
        play.pay(name, -play.random.randint(1, amount) * SATOSHI)


# stopped


def stop_cases(wish: Wish) -> Iterator[Case]:
    for number in range((1, 4, 20)[wish.depth]):
        case = Case("SIGSTOP", wish.seed, wish.users * USERS, number, rate=("-40", "5")[number % 2])
        yield replace(case, chunk_users=1, shards=(1, 16)[number // 2 % 2])


def play_stopped(ground: Ground, case: Case) -> Played:
    """Stopped somewhere in the middle; when its lease has run out another one finishes; then it goes on.

    One that has come to its end before it was stopped is followed by another, with the next batch, stopped earlier.
    """
    play = Play(ground, case, utc_now)
    found: list[str] = []
    with workers(ground) as waiting:
        for number in range(1, _CATCHES + 1):
            lines = play.lines()
            batch = play.begin(play.calm, number)
            worker = next(waiting)
            worker.begin(batch.batch_id)
            _until_it_works(play, batch)
            time.sleep(play.random.random() * _MOMENTS / number)
            worker.process.send_signal(signal.SIGSTOP)
            try:
                caught = service.batch(play.calm, batch.batch_id).status not in REVERSIBLE
                if caught:
                    found += _taken_over(play, batch)
                play.ended(batch.batch_id, lines)
                play.payday()
            finally:
                worker.process.send_signal(signal.SIGCONT)
            found += worker.ended()
            if caught:
                return Played(case, (*found, *play.differences()), struck=1)
    return Played(case, (*found, f"none of {_CATCHES} workers could be stopped in the middle"))


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


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


IN_PROCESSES: Final = (
    Scenario("kill -9", "real processes killed at random moments", kill_cases, play_kills),
    Scenario("SIGSTOP", "real processes stopped beyond their lease", stop_cases, play_stopped),
)

"""What is tried: workers killed at each write, several at the same months, and SIGKILL while billing and sending."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Final

from batch_platform.proving.cases import STUCK, Played, Scenario, Wish
from batch_platform.proving.faults import Mortal, WorkerKilled
from batch_platform.proving.processes import Worker, workers
from batch_platform.staffing.proving.ground import Ground
from batch_platform.staffing.proving.judge import differences, hashes
from batch_platform.staffing.proving.play import NOW, BillingCase, bill, biller, play, set_up
from batch_platform.staffing.proving.senders import senders, settled, waiting
from batch_platform.staffing.proving.sink import MemorySink, local_sink

_MOMENTS: Final = 1.0
"""Seconds of work within which a process is killed."""
_MORE: Final = 10
_A_ROUND: Final = 20
"""Processes that are killed over the same facts, at most."""


def begin(ground: Ground, case: BillingCase) -> None:
    """The facts of a case, of which it is known what an undisturbed run makes."""
    if (key := (case.seed, case.contracts)) not in ground.undisturbed:
        set_up(ground, case)
        with ground.worker(lambda: NOW) as context:
            bill(context)
        ground.undisturbed[key] = hashes(ground)
    set_up(ground, case)


# killed at each write


def crash_cases(wish: Wish) -> list[BillingCase]:
    return [BillingCase("crash points", wish.seed, contracts=wish.size)]


def crash_points(ground: Ground, case: BillingCase) -> int:
    """Every commit that has written, every file that is stored, every mail that is given."""
    mortal = Mortal()
    begin(ground, case)
    play(ground, MemorySink(), mortal)
    return mortal.writes


def play_crash(ground: Ground, case: BillingCase) -> Played:
    """Killed at a write; another worker does all of it again from the start, and once more."""
    mortal, sink = Mortal(case.at, after=case.after), MemorySink()
    begin(ground, case)
    try:
        play(ground, sink, mortal)
    except WorkerKilled:
        play(ground, sink)
    wrong = differences(ground, case, sink.mails)
    if not wrong:
        play(ground, sink)
        wrong = differences(ground, case, sink.mails)
    return Played(case, tuple(wrong), mortal.writes)


# several workers at the same months


def race_cases(wish: Wish) -> list[BillingCase]:
    return [BillingCase("races", wish.seed, number, contracts=wish.size) for number in range(1 + wish.depth)]


def play_race(ground: Ground, case: BillingCase) -> Played:
    """Four workers bill and send everything at once."""
    sink = MemorySink()
    begin(ground, case)
    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(play, ground, sink, alone=False) for _ in range(4)]:
            future.result(timeout=STUCK)
    play(ground, sink)
    return Played(case, tuple(differences(ground, case, sink.mails)), struck=3)


# killed at random


def kill_cases(wish: Wish) -> Iterator[BillingCase]:
    """With more contracts: processes take longer to start than to bill a few."""
    pairs = 1 if wish.depth == 0 else 2
    yield BillingCase("kill -9", wish.seed, contracts=_MORE * wish.size, kills=wish.kills, pairs=pairs)


def play_kills(ground: Ground, case: BillingCase) -> Played:
    """Processes bill and send; killed at any moment each is replaced, and the last ones come to their end."""
    random = Random(case.seed)  # noqa: S311 (to be played again alike)
    wrong: list[str] = []
    kills = 0
    with local_sink() as sink, workers(biller, ground.name, ahead=1) as billers, senders(ground, sink) as sending:
        while kills < case.kills and not wrong:
            begin(ground, case)
            sink.clear()
            work = _Work(ground, billers, sending, case.pairs)
            kills += work.disturb(random, min(_A_ROUND, case.kills - kills))
            wrong = work.end() or differences(ground, case, sink.mails)
    return Played(case, tuple(wrong), struck=kills)


class _Work:
    """Processes at the same work, each of which is replaced when it is killed."""

    def __init__(self, ground: Ground, billers: Iterator[Worker], sending: Iterator[Worker], pairs: int) -> None:
        self._ground = ground
        self._waiting = {True: billers, False: sending}
        self._at_work = [(bills, self._begun(bills)) for bills in (True, False) * pairs]
        self._wrong: list[str] = []

    def disturb(self, random: Random, kills: int) -> int:
        """Kill so many, in the second half only who sends; how many were before all is billed and sent."""
        left = kills
        while left and not self._wrong:
            time.sleep(random.random() * _MOMENTS)
            doomed = self._doomed(spared=left <= kills // 2)
            if doomed:
                left -= self._kill(random.choice(doomed))
            elif not any(worker.runs for bills, worker in self._at_work if bills):
                break
        return kills - left

    def end(self) -> list[str]:
        """Wait until all is billed and sent; what went wrong, ever."""
        for worker in [worker for bills, worker in self._at_work if bills]:
            self._wrong += worker.ended()
        self._wrong = self._wrong or settled(self._ground)
        for worker in [worker for bills, worker in self._at_work if not bills]:
            self._wrong += worker.kill()[1]
        return self._wrong

    def _doomed(self, *, spared: bool) -> list[int]:
        """Who is at work: those who bill, unless they are spared, and those who send while there is something to."""
        sends = waiting(self._ground) > 0
        return [
            place
            for place, (bills, worker) in enumerate(self._at_work)
            if worker.runs and (not spared if bills else sends)
        ]

    def _kill(self, place: int) -> bool:
        bills, worker = self._at_work.pop(place)
        killed, wrong = worker.kill()
        self._wrong += wrong
        self._at_work.append((bills, self._begun(bills)))
        return killed

    def _begun(self, bills: bool) -> Worker:
        worker = next(self._waiting[bills])
        worker.begin("go")
        return worker


SCENARIOS: Final = (
    Scenario("crash points", "killed at each write, done again", crash_cases, play_crash, crash_points),
    Scenario("races", "four workers at the same months", race_cases, play_race),
    Scenario("kill -9", "billing and sending processes killed at random moments", kill_cases, play_kills),
)

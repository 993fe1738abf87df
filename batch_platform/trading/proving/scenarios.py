"""What is tried: workers killed at each commit, several at the same acts, one stopped for too long, and SIGKILL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Final

from batch_platform.core.failures import TransientFailure
from batch_platform.proving.cases import STUCK, Played, Scenario, Wish
from batch_platform.proving.faults import Mortal, Pause, WorkerKilled
from batch_platform.proving.processes import workers
from batch_platform.trading.proving.ground import PATIENCE, Ground
from batch_platform.trading.proving.judge import differences
from batch_platform.trading.proving.play import DayCase, Timed, a_day, day_worker, play, set_up

_MOMENTS: Final = 0.4
"""Seconds of work within which a process is killed."""


def _judged(ground: Ground, case: DayCase) -> list[str]:
    """Everything was done once, and nothing differs from the oracle."""
    orders = [f"wallet-{player}-{number}" for player in range(case.players) for number in range(case.ticks)]
    return differences(ground, orders=orders, windows=case.ticks)


# killed at each commit


def crash_cases(wish: Wish) -> list[DayCase]:
    return [DayCase("crash points", wish.seed, players=wish.size)]


def crash_points(ground: Ground, case: DayCase) -> int:
    """Every commit that has written."""
    mortal = Mortal()
    set_up(ground)
    play(ground, a_day(case), mortal)
    return mortal.writes


def play_crash(ground: Ground, case: DayCase) -> Played:
    """Killed at a commit; another worker does all of it again from the start, and once more."""
    acts, mortal = a_day(case), Mortal(case.at, after=case.after)
    set_up(ground)
    try:
        play(ground, acts, mortal)
    except WorkerKilled:
        play(ground, acts)
    wrong = _judged(ground, case)
    if not wrong:
        play(ground, acts)
        wrong = _judged(ground, case)
    return Played(case, tuple(wrong), mortal.writes)


# several workers at the same acts


def race_cases(wish: Wish) -> list[DayCase]:
    return [DayCase("races", wish.seed, number, players=wish.size) for number in range(1 + wish.depth)]


def play_race(ground: Ground, case: DayCase) -> Played:
    """Four workers do the same acts at once, each tick's by itself."""
    set_up(ground)
    with ThreadPoolExecutor(4) as pool:
        for acts in _by_tick(case):
            for future in [pool.submit(play, ground, acts) for _ in range(4)]:
                future.result(timeout=STUCK)
    return Played(case, tuple(_judged(ground, case)), struck=3)


# one stopped for longer than it is waited for


def pause_cases(wish: Wish) -> Iterator[DayCase]:
    acts = len(a_day(DayCase("stopped", wish.seed, players=wish.size)))
    random = Random(wish.seed)  # noqa: S311 (to be played again alike)
    for at in sorted(random.sample(range(1, acts), 3 * (1 + wish.depth))):
        yield DayCase("stopped", wish.seed, at=at, players=wish.size)


def play_pause(ground: Ground, case: DayCase) -> Played:
    """Stopped before a commit, until the server has given it up and others have done everything; then it goes on."""
    acts = a_day(case)
    pause = Pause(case.at or 1)
    set_up(ground)
    with ThreadPoolExecutor(1) as pool:
        stopped = pool.submit(play, ground, acts, pause)
        try:
            if not pause.stopped(STUCK):
                return Played(case, ("the worker did not come to the point",))
            time.sleep(PATIENCE + 0.2)
            play(ground, acts)
        finally:
            pause.resume()
        try:
            stopped.result(timeout=STUCK)
        except TransientFailure:
            play(ground, acts)
    return Played(case, tuple(_judged(ground, case)))


# killed at random


def kill_cases(wish: Wish) -> Iterator[DayCase]:
    yield DayCase("kill -9", wish.seed, players=wish.size, kills=wish.kills)


def play_kills(ground: Ground, case: DayCase) -> Played:
    """Two processes do the acts of a tick and are killed at any moment; then one does them to the end."""
    random = Random(case.seed)  # noqa: S311 (to be played again alike)
    differing: list[str] = []
    kills, ends = 0, _ends(case)
    with workers(day_worker, ground.name, ahead=2) as waiting:
        while kills < case.kills and not differing:
            set_up(ground)
            for place, end in enumerate(ends):
                line = f"{case.scenario}|{case.seed}|{case.players}|{ends[place - 1] if place else 0}|{end}"
                if kills < case.kills:
                    pair = [next(waiting), next(waiting)]
                    for worker in pair:
                        worker.begin(line)
                    time.sleep(random.random() * _MOMENTS)
                    for died, wrong in [worker.kill() for worker in pair]:
                        kills += died
                        differing += wrong
                last = next(waiting)
                last.begin(line)
                differing += last.ended()
            differing += _judged(ground, case)
    return Played(case, tuple(differing), struck=kills)


def _by_tick(case: DayCase) -> list[list[Timed]]:
    acts, ends = a_day(case), _ends(case)
    return [acts[first:last] for first, last in zip([0, *ends], ends, strict=False)]


def _ends(case: DayCase) -> list[int]:
    """Where the acts that follow each tick end: a tick, then every player's, then a snapshot."""
    acts = a_day(case)
    begins = [place for place, timed in enumerate(acts) if timed.at.minute % 10 == 0 and timed.at.second == 0]
    return [*begins[1:], len(acts)]


SCENARIOS: Final = (
    Scenario("crash points", "killed at each commit, done again", crash_cases, play_crash, crash_points),
    Scenario("races", "four workers at the same acts", race_cases, play_race),
    Scenario("stopped", "a worker stopped until it was given up", pause_cases, play_pause),
    Scenario("kill -9", "real processes killed at random moments", kill_cases, play_kills),
)

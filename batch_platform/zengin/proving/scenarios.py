"""What is tried: workers killed at each write of a release's way, in this process, and real processes at random."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from batch_platform.core.clock import utc_now
from batch_platform.proving.cases import Played, Scenario, Wish
from batch_platform.proving.faults import Mortal, WorkerKilled
from batch_platform.proving.processes import workers
from batch_platform.zengin.proving.ground import Ground
from batch_platform.zengin.proving.play import LATER, Play, ReleaseCase, fewer_banks, release_worker

_MOMENTS: Final = 0.5
"""Seconds of work within which a process is killed."""
_KILLS_AT_MOST: Final = 4
"""Of the workers of one release."""


# a worker killed at each write


def crash_cases(wish: Wish) -> list[ReleaseCase]:
    """A release alone, and one during which somebody else edits the master."""
    alone = ReleaseCase("crash points", wish.seed, banks=wish.size)
    return [alone, replace(alone, edits=True)][: 1 if wish.depth == 0 else 2]


def crash_points(ground: Ground, case: ReleaseCase) -> int:
    """Every write from the snapshot to the end: objects, items, and commits of PostgreSQL that have written."""
    play, mortal = Play(ground, case), Mortal()
    play.release()
    with ground.worker(play.clock, mortal) as context:
        play.follow(context)
    return mortal.writes


def play_crash(ground: Ground, case: ReleaseCase) -> Played:
    """Killed at a write; another one edits a row of the release; then somebody follows the release again."""
    play, mortal = Play(ground, case), Mortal(case.at, after=case.after)
    play.release()
    try:
        with ground.worker(play.clock, mortal) as dying:
            play.follow(dying)
    except WorkerKilled:
        play.stepping.pass_by(LATER)
        if case.edits:
            play.edit()
    with ground.worker(play.clock) as calm:
        play.follow(calm)
        play.applied()
        differing = play.differences()
        # followed once more, nothing changes
        play.follow(calm)
    return Played(case, tuple(differing or play.differences()), mortal.writes)


# killed at random


def kill_cases(wish: Wish) -> Iterator[ReleaseCase]:
    yield ReleaseCase("kill -9", wish.seed, banks=wish.size, kills=wish.kills)


def play_kills(ground: Ground, case: ReleaseCase) -> Played:
    """Killed so many times, release after release; a process that comes after the last kill ends each release."""
    play = Play(ground, case, utc_now)
    differing: list[str] = []
    kills = 0
    with workers(release_worker, ground.name, ahead=1) as waiting:
        while kills < case.kills and not differing:
            play.release()
            line = f"{play.source} {play.day}"
            for _ in range(min(_KILLS_AT_MOST, case.kills - kills)):
                worker = next(waiting)
                worker.begin(line)
                time.sleep(play.random.random() * _MOMENTS)
                died, wrong = worker.kill()
                differing += wrong
                kills += died
                if not died:
                    break
            last = next(waiting)
            last.begin(line)
            differing += last.ended()
            play.applied()
            differing += play.differences()
    return Played(case, tuple(differing), struck=kills)


SCENARIOS: Final = (
    Scenario(
        "crash points",
        "killed at each write, others edit, followed again",
        crash_cases,
        play_crash,
        crash_points,
        fewer_banks,
    ),
    Scenario("kill -9", "real processes killed at random moments", kill_cases, play_kills),
)

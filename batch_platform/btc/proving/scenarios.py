"""What is tried in this process: workers that die at each write, meet each other, stop too long, or have bad weather.

Each `play_…` takes one case to its end and returns what differs; it never raises for what the proof is to find.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Final

from batch_platform.btc import service
from batch_platform.btc.model import REVERSIBLE, Batch
from batch_platform.btc.proving.ground import HEARTBEAT, Ground
from batch_platform.btc.proving.oracle import Line
from batch_platform.btc.proving.play import LATER, BatchCase, Play, fewer_users
from batch_platform.btc.service import BtcContext
from batch_platform.core.failures import Conflict, TransientFailure
from batch_platform.proving.cases import STUCK, Played, Scenario, Wish
from batch_platform.proving.faults import Mortal, Pause, Weather, WorkerKilled

ROUNDINGS: Final = ("half_even", "half_up", "toward_zero")
TRIES: Final = 400

_TAKING_TURNS: Final = timedelta(milliseconds=20)


# a worker killed at each write


def crash_cases(wish: Wish) -> list[BatchCase]:
    """Batches of several shapes."""
    first = BatchCase("crash points", wish.seed, users=wish.size)
    shapes = [
        first,
        replace(first, rate="-50", shards=16),
        replace(first, rate="7.5", reverses=True),
        replace(first, rate="0.33333333", targeted=True, chunk_users=1),
        replace(first, rate="-99.99999999", rounding="half_up", beats=True),
        replace(first, rate="12.5", rounding="toward_zero", shards=16, chunk_users=49),
    ]
    return shapes[: (2, 4, 6)[wish.depth]]


def crash_points(ground: Ground, case: BatchCase) -> int:
    """Every write from creating the batch to its end."""
    # beats come when they come: without them the writes are as many each time
    play, mortal = Play(ground, replace(case, beats=False)), Mortal()
    context = play.worker(hazard=mortal)
    service.run(context, play.begin(context).batch_id)
    return mortal.writes


def play_crash(ground: Ground, case: BatchCase) -> Played:
    """Killed at a write, from creating the batch to its end; others are at work; then somebody runs it again."""
    play = Play(ground, case)
    mortal = Mortal(case.at, after=case.after)
    lines = play.lines()
    try:
        dying = play.worker(hazard=mortal, heartbeat=0.02 if case.beats else HEARTBEAT)
        service.run(dying, play.begin(dying).batch_id)
    except WorkerKilled:
        lines = _life_goes_on(play, lines)
    batch = play.begin(play.calm)
    done = service.run(play.calm, batch.batch_id)
    play.ended(batch.batch_id, lines)
    again = service.run(play.calm, batch.batch_id)
    wrong = play.differences()
    if again != done:
        wrong.append("a run of the ended batch has changed it")
    return Played(case, tuple(wrong), mortal.writes)


def _life_goes_on(play: Play, lines: list[Line]) -> list[Line]:
    """Others pay in and out while nobody works on the batch; the lines it has to apply when somebody does again."""
    seen = play.newest()
    if seen is not None and seen.plan_sha256 is not None:
        play.books.apply(seen.batch_id, lines, only=play.written(seen.batch_id))
        play.activity()
    elif play.target_total is None:
        # not sealed yet: who comes now takes part
        play.activity()
        lines = play.lines()
    play.stepping.pass_by(LATER)
    return lines


# killed again and again, in bad weather


def storm_cases(wish: Wish) -> Iterator[BatchCase]:
    for number in range((4, 30, 300)[wish.depth]):
        rate = ("5", "-50", "33.33333333", "-99.9")[number % 4]
        case = BatchCase("storms", wish.seed, number, users=wish.size, rate=rate, rounding=ROUNDINGS[number % 3])
        yield replace(case, shards=(1, 16)[number % 2], chunk_users=(1, 3, 7)[number % 3], reverses=number % 5 == 4)


def play_storm(ground: Ground, case: BatchCase) -> Played:
    """Workers in bad weather, of whom most are killed at some write: until one has come to the end."""
    play = Play(ground, case)
    lines, writes, struck = play.lines(), 0, 0
    for _ in range(TRIES):
        weather = Weather(play.random, one_in=8)
        mortal = Mortal(play.random.randint(1, 12) if play.random.randrange(4) else None, within=weather)
        context = play.worker(hazard=mortal)
        try:
            batch = service.run(context, play.begin(context).batch_id)
        except WorkerKilled:
            lines = _life_goes_on(play, lines)
            continue
        except TransientFailure:
            play.stepping.pass_by(LATER)
            continue
        finally:
            writes, struck = writes + mortal.writes, struck + weather.struck
        if batch.status in REVERSIBLE:
            break
    batch = service.run(play.calm, play.begin(play.calm).batch_id)
    play.ended(batch.batch_id, lines)
    return Played(case, tuple(play.differences()), writes, struck)


# bad weather alone


def weather_cases(wish: Wish) -> Iterator[BatchCase]:
    """Roundings, shards and sizes of chunks in turn; every one with another plan of failures."""
    for number in range((4, 24, 200)[wish.depth]):
        case = BatchCase("bad weather", wish.seed, number, users=wish.size, rate=("5", "-3")[number % 2])
        yield replace(case, shards=(1, 16)[number // 2 % 2], chunk_users=(2, 7, 49)[number % 3])


def play_weather(ground: Ground, case: BatchCase) -> Played:
    """UnprocessedKeys, collisions, throttled requests and lost replies, with deposits going on at once."""
    play = Play(ground, case)
    # a try at many shards asks so often that of its requests one in four must not fail: hardly a try would pass
    weather = Weather(play.random, one_in=4 if case.shards == 1 else 10)
    context = play.worker(hazard=weather)
    lines = play.lines()
    for _ in range(TRIES):
        try:
            batch = play.begin(context)
            play.payday()
            batch = service.run(context, batch.batch_id)
        except TransientFailure:
            continue
        break
    batch = service.run(play.calm, play.begin(play.calm).batch_id)
    play.ended(batch.batch_id, lines)
    return Played(case, tuple(play.differences()), struck=weather.struck)


# many users, in any order


def shuffle_cases(wish: Wish) -> Iterator[BatchCase]:
    """All sizes of chunks, shards, roundings and both signs, with and without a target total."""
    sizes = ((1, 49), (1, 2, 7, 48, 49), (1, 2, 3, 5, 7, 16, 33, 48, 49))[wish.depth]
    signs = ("5", "-33.33333333", "0.00000001", "100", "-99.99999999")
    every = product(sizes, (1, 16), ROUNDINGS, (False, True))
    for number, (size, shards, rounding, targeted) in enumerate(every):
        if wish.depth < 2 and number % 2 != (number // 2) % 2:
            continue
        case = BatchCase("shuffles", wish.seed, number, users=wish.size * 4, rate=signs[number % len(signs)])
        yield replace(case, chunk_users=size, shards=shards, rounding=rounding, targeted=targeted)


def play_undisturbed(ground: Ground, case: BatchCase) -> Played:
    """Nothing is disturbed: previewed, sealed and applied are the same, and what the oracle says."""
    play = Play(ground, case)
    lines = play.lines()
    batch = play.begin(play.calm)
    service.run(play.calm, batch.batch_id)
    play.ended(batch.batch_id, lines)
    return Played(case, tuple(play.differences()))


# two workers, and more


def race_cases(wish: Wish) -> Iterator[BatchCase]:
    for number in range((2, 10, 80)[wish.depth]):
        case = BatchCase("two workers", wish.seed, number, users=wish.size, rate=("5", "-50")[number % 2])
        yield replace(case, shards=(1, 16)[number // 2 % 2], chunk_users=(1, 3)[number % 2], workers=2 + number % 2)


def play_race(ground: Ground, case: BatchCase) -> Played:
    """Workers at once, who all begin the batch, with leases so short that each takes it from the others."""
    play = Play(ground, case)
    lines = play.lines()
    with ThreadPoolExecutor(case.workers) as pool:
        at_work = [pool.submit(_take_turns, play) for _ in range(case.workers)]
        ends = [worker.result(STUCK) for worker in at_work]
    batch = ends[0]
    play.ended(batch.batch_id, lines)
    wrong = play.differences()
    if any(end != batch for end in ends):
        wrong.append("the workers do not agree on how the batch has ended")
    return Played(case, tuple(wrong))


def _take_turns(play: Play) -> Batch:
    mine = play.worker(lease=_TAKING_TURNS, heartbeat=0.05)
    for _ in range(TRIES):
        try:
            batch = service.run(mine, play.begin(mine).batch_id)
        except (Conflict, TransientFailure):
            continue
        if batch.status in REVERSIBLE:
            return batch
    return service.run(mine, play.begin(mine).batch_id)


# a worker that stops for longer than its lease


def pause_cases(wish: Wish) -> list[BatchCase]:
    """With a user a chunk a late worker has chunks before it that it had not begun."""
    first = BatchCase("paused workers", wish.seed, users=wish.size, rate="-50", chunk_users=1)
    shapes = [first, replace(first, rate="5", shards=16, chunk_users=3), replace(first, reverses=True, rate="10")]
    return shapes[: (1, 2, 3)[wish.depth]]


def pause_points(ground: Ground, case: BatchCase) -> int:
    """Every write of a run."""
    play, mortal = Play(ground, case), Mortal()
    batch = play.begin(play.calm)
    service.run(play.worker(hazard=mortal), batch.batch_id)
    return mortal.writes


def play_paused(ground: Ground, case: BatchCase) -> Played:
    """One stops before a write; another finishes the batch, others pay; and then the first goes on late."""
    if case.at is None:
        return play_undisturbed(ground, case)
    play = Play(ground, case)
    lines = play.lines()
    batch = play.begin(play.calm)
    pause = Pause(case.at)
    first = play.worker(hazard=pause)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(_outcome, first, batch.batch_id)
        try:
            if not pause.stopped(STUCK):
                return Played(case, ("the worker did not come to the write at which it was to stop",))
            wrong = _overtaken(play, batch.batch_id, lines)
            # who could not pay can pay now: the late worker must not try again
            play.payday()
        finally:
            pause.resume()
        slow.result(STUCK)
    return Played(case, (*wrong, *play.differences()))


def _overtaken(play: Play, batch_id: str, lines: Sequence[Line]) -> list[str]:
    wrong = []
    seen = play.newest()
    if seen is not None and seen.status == "processing":
        try:
            service.run(play.calm, batch_id)
            wrong.append("a second worker was let in while the first one's lease ran")
        except Conflict:
            pass
    play.books.apply(batch_id, lines, only=play.written(batch_id))
    play.activity()
    play.stepping.pass_by(LATER)
    done = service.run(play.calm, batch_id)
    play.ended(batch_id, lines)
    if done.status not in REVERSIBLE:
        wrong.append(f"the batch is {done.status} after the second worker")
    return wrong


def _outcome(context: BtcContext, batch_id: str) -> Batch | Conflict:
    """How a run ends that comes too late: it may find the batch ended, or be told so."""
    try:
        return service.run(context, batch_id)
    except Conflict as conflict:
        return conflict


IN_THREADS: Final = (
    Scenario(
        "crash points",
        "killed at each write, others pay, run again",
        crash_cases,
        play_crash,
        points=crash_points,
        smaller=fewer_users,
    ),
    Scenario(
        "shuffles",
        "users in any order, sizes of chunks, shards, roundings",
        shuffle_cases,
        play_undisturbed,
        smaller=fewer_users,
    ),
    Scenario(
        "bad weather",
        "UnprocessedKeys, collisions, throttling, lost replies",
        weather_cases,
        play_weather,
        smaller=fewer_users,
    ),
    Scenario("storms", "bad weather, killed again and again", storm_cases, play_storm, smaller=fewer_users),
    Scenario("two workers", "at once, taking the batch from each other", race_cases, play_race, smaller=fewer_users),
    Scenario(
        "paused workers",
        "beyond the lease, late after another",
        pause_cases,
        play_paused,
        points=pause_points,
        smaller=fewer_users,
    ),
)

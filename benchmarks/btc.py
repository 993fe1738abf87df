"""One rate over every balance against a bare loop of the same TransactWriteItems, and kills.

    .venv/bin/python -m benchmarks.btc [--users 10_000|100_000|1_000_000] [--rounds 3] [--kills 100]

On the local DynamoDB, with tables of its own that are dropped at the end. In turns: `service.run` of a sealed plan
(read it, apply, recount, proof, end), and a loop that sends the same transactions of the same users by the same
client and as many threads, and does nothing else. Processor time is that of this process and of the local services.
Then batches whose worker processes are killed by SIGKILL at random moments, each followed by another, as many batches
as that takes. At the end every balance is compared with one computed apart.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from statistics import median
from typing import Final

import polars as pl

from batch_platform.btc import service
from batch_platform.btc.model import HOUSE, Batch, UserStatus
from batch_platform.btc.proving.ground import Ground, own_ground
from batch_platform.btc.proving.processes import batch_workers
from batch_platform.btc.service.seed import generated
from batch_platform.core import aws
from batch_platform.core.clock import utc_now
from batch_platform.local import provision, services
from batch_platform.local.home import Home
from batch_platform.local.state import State
from batch_platform.settings import load_settings
from benchmarks import btc_bare_loop as bare_loop
from benchmarks.btc_bare_loop import BY, MEMO, Row

RATE: Final = Decimal(5)
TWENTIETH: Final = 20
"""An amount is a twentieth of the balance."""
LIFE: Final = 4.0
"""Seconds that a worker lives at most before it is killed."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--users", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--kills", type=int, default=0)
    options.add_argument("--seed", type=int, default=1, help="of the random moments")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-btc-") as folder:
        os.environ.setdefault("BATCH_PLATFORM_HOME", f"{folder}/home")
        os.environ.update(services.ensure_running(load_settings()))
        provision.provision(load_settings(), os.environ)
        try:
            with own_ground(load_settings()) as ground:
                bench = Bench(ground)
                bench.seed(chosen.users)
                bench.compare(chosen.rounds)
                bench.kill(chosen.kills, random.Random(chosen.seed))
                good = bench.verified()
        finally:
            services.stop(Home(load_settings().home))
    sys.exit(0 if good else 1)


@dataclass(frozen=True)
class Turn:
    """Seconds that a way of booking took: by the clock, and of the processors, the services' included."""

    wall: float
    cpu: float


class Bench:
    """A context on tables of its own, and the balances as they have to be."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.context = ground.worker(utc_now, heartbeat=1.0)
        self.dynamodb = aws.client("dynamodb", load_settings())
        self.expected = generated(0)
        self.house = 0
        bare_loop.require_the_same_requests(ground.tables)

    def seed(self, users: int) -> None:
        took = _timed(lambda: service.seed_users(self.context, users, by=BY))
        self.expected = generated(users).sort("user_id")
        _say(f"{users:,} users opened            {took.wall:8.2f} s, {users / took.wall:,.0f} users/s")

    def compare(self, rounds: int) -> None:
        """The whole of `service.run` and the bare loop, in turns, the one first and then the other."""
        bare: list[Turn] = []
        run: list[Turn] = []
        rows: list[Row] = []
        for number in range(rounds):
            batch = self.sealed()
            rows = self.rows()
            turns: list[tuple[list[Turn], Callable[[], object]]] = [
                (bare, partial(bare_loop.book, self.dynamodb, self.ground.tables, f"bare-{number}", rows)),
                (run, partial(service.run, self.context, batch.batch_id)),
            ]
            for times, way in turns if number % 2 else reversed(turns):
                times.append(_timed(way))
            self.booked(rows, by_batch=True)
            self.booked(rows, by_batch=False)
            _say(
                f"  round {number + 1}: bare {bare[-1].wall:.2f} s ({bare[-1].cpu:.2f} s CPU), "
                f"run {run[-1].wall:.2f} s ({run[-1].cpu:.2f} s CPU), "
                f"x{run[-1].wall / bare[-1].wall:.3f} (x{run[-1].cpu / bare[-1].cpu:.3f} CPU)"
            )
        pairs = list(zip(run, bare, strict=True))
        wall = median(mine.wall / theirs.wall for mine, theirs in pairs)
        cpu = median(mine.cpu / theirs.cpu for mine, theirs in pairs)
        _say(f"bare loop, {len(rows):,} rows   {_line(bare)}")
        _say(f"service.run                  {_line(run)}  x{wall:.3f}, x{cpu:.3f} CPU (target 1.2)")

    def kill(self, kills: int, chance: random.Random) -> None:
        """Batches whose workers are killed, wherever they stand, until so many have died."""
        died = batches = 0
        began = time.perf_counter()
        with batch_workers(self.ground, ahead=1) as waiting:
            while died < kills:
                batch, rows = self.sealed(), self.rows()
                batches += 1
                killed = True
                while killed and died < kills:
                    worker = next(waiting)
                    worker.begin(batch.batch_id)
                    time.sleep(chance.uniform(0, LIFE))
                    killed, wrong = worker.kill()
                    _require_none(wrong)
                    died += killed
                last = next(waiting)
                last.begin(batch.batch_id)
                _require_none(last.ended())
                self.booked(rows, by_batch=True)
        _say(f"{died:4} kills in {batches} batches       {time.perf_counter() - began:8.2f} s")

    def sealed(self) -> Batch:
        """A batch that waits for a worker."""
        return service.create(self.context, RATE, by=BY, memo=MEMO, approve=True)

    def rows(self) -> list[Row]:
        """Whom a batch pays what now, computed apart from it: a twentieth, halves of a satoshi to the even one."""
        whole, rest = pl.col("balance") // TWENTIETH, pl.col("balance") % TWENTIETH
        half = TWENTIETH // 2
        up = (rest > half) | ((rest == half) & (whole % 2 == 1))
        targets = self.expected.filter(pl.col("status") == UserStatus.ACTIVE)
        amounts = targets.select("user_id", amount=whole + up.cast(pl.Int64()))
        return amounts.filter(pl.col("amount") != 0).rows()

    def booked(self, rows: Sequence[Row], *, by_batch: bool) -> None:
        """Keep the expected balances up to date; the bare loop leaves the house alone."""
        amounts = pl.DataFrame(rows, schema={"user_id": pl.String(), "amount": pl.Int64()}, orient="row")
        self.expected = (
            self.expected.join(amounts, on="user_id", how="left", maintain_order="left")
            .with_columns(pl.col("balance") + pl.col("amount").fill_null(0))
            .drop("amount")
        )
        if by_batch:
            self.house -= int(amounts.get_column("amount").sum())

    def verified(self) -> bool:
        """Everything recomputed from the ledger, and every balance against the one that was computed apart."""
        began = time.perf_counter()
        found = service.verify(self.context)
        seconds = time.perf_counter() - began
        balances = service.balances(self.context).select("user_id", "balance", "status")
        house = pl.DataFrame({"user_id": [HOUSE], "balance": [self.house], "status": [str(UserStatus.HOUSE)]})
        expected = pl.concat([self.expected, house]).sort("user_id")
        both = expected.join(balances, on="user_id", how="full", coalesce=True, suffix="_found").fill_null(0)
        wrong = int(both.select((pl.col("balance") - pl.col("balance_found")).abs().sum()).item())
        equal = balances.sort("user_id").equals(expected)
        _say(f"verify                       {seconds:8.2f} s, {'equal' if found.ok else 'DIFFERS'}")
        _say(f"wrong satoshi: {wrong} ({expected.height:,} balances {'equal' if equal else 'DIFFER'})")
        return found.ok and equal


def _timed(work: Callable[[], object]) -> Turn:
    began, used = time.perf_counter(), _processor_seconds()
    work()
    return Turn(time.perf_counter() - began, _processor_seconds() - used)


def _processor_seconds() -> float:
    """Of this process and of the local services, so far."""
    found = time.process_time()
    for running in State.load(Home(load_settings().home)).services.values():
        if running.process is not None:
            with open(f"/proc/{running.process.pid}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            found += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return found


def _require_none(wrong: Sequence[str]) -> None:
    if wrong:
        raise RuntimeError("; ".join(wrong))


def _line(turns: Sequence[Turn]) -> str:
    wall = [turn.wall for turn in turns]
    cpu = median(turn.cpu for turn in turns)
    return f"{median(wall):8.2f} s (best {min(wall):.2f}, worst {max(wall):.2f}), {cpu:.2f} s CPU"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

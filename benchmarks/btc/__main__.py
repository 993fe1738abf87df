"""One rate over every balance against a bare loop of the same TransactWriteItems, and what kills add.

    .venv/bin/python -m benchmarks.btc [--users 10_000|100_000|1_000_000] [--rounds 3] [--kills 100]
        [--kill-rounds 6] [--fork]

On the local DynamoDB, with tables of its own that are dropped at the end. In turns: `service.run` of a sealed plan
(apply, recount, proof, end), and a loop that sends the same transactions of the same users by the same client and as
many threads, and does nothing else, not even note a checkpoint in them. Then, in turns, a worker process alone, and
worker processes that are killed by SIGKILL at random moments of as long a time while the next one stands by: one that
was up before the batch began, or with `--fork` one that is forked at the kill before, on the processors that are
measured. At the end every balance is compared with one computed apart.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import polars as pl

from batch_platform.btc import service
from batch_platform.btc.model import HOUSE, Batch, UserStatus
from batch_platform.btc.opening import open_work
from batch_platform.btc.service.seed import generated
from batch_platform.btc.settings import BtcSettings
from batch_platform.btc.store import Tables, table_names
from batch_platform.core import aws
from batch_platform.local import provision, services
from batch_platform.local.home import Home
from batch_platform.settings import load_settings
from benchmarks.btc import bare_loop
from benchmarks.btc.bare_loop import BY, MEMO, Row
from benchmarks.btc.workers import forked_on_demand, up_before, worked
from benchmarks.measure import lent_elsewhere

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from batch_platform.btc.service import BtcContext

RATE: Final = Decimal(5)
TWENTIETH: Final = 20
"""An amount is a twentieth of the balance."""

QUIET: Final = 0.02
"""Of the processors' time: what a host may lend elsewhere in a turn that counts."""
ATTEMPTS: Final = 4
"""At a turn that is quiet."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--users", type=int, default=10_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--kills", type=int, default=0)
    options.add_argument("--kill-rounds", type=int, help="as many as rounds, unless told otherwise")
    options.add_argument("--fork", action="store_true", help="workers begin when they are needed")
    options.add_argument("--seed", type=int, default=1, help="of the random moments")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-btc-") as folder:
        os.environ.setdefault("BATCH_PLATFORM_HOME", f"{folder}/home")
        os.environ["BTC_PROJECT"] = f"benchmark-{uuid4().hex[:12]}"
        os.environ.update(services.ensure_running(load_settings()))
        provision.provision(load_settings(), os.environ)
        try:
            with _own_tables() as bench:
                bench.seed(chosen.users)
                bench.compare(chosen.rounds)
                if chosen.kills:
                    bench.workers = forked_on_demand if chosen.fork else up_before
                    bench.kill(chosen.kill_rounds or chosen.rounds, chosen.kills, random.Random(chosen.seed))
                good = bench.verified()
        finally:
            services.stop(Home(load_settings().home))
    sys.exit(0 if good else 1)


@dataclass(frozen=True)
class Turn:
    """The seconds of a batch, those in which the host ran others on its processors, and how many workers died."""

    seconds: float
    lent: float
    kills: int

    def __str__(self) -> str:
        kills = f"{self.kills} kills" if self.kills else "alone"
        return f"{kills} {self.seconds:.2f} s ({self.lent:.2f} s lent elsewhere)"

    @property
    def quiet(self) -> bool:
        return self.lent < QUIET * self.seconds * (os.cpu_count() or 1)


@dataclass(frozen=True)
class KillRound:
    alone: Turn
    killed: Turn

    def __str__(self) -> str:
        return f"{self.alone}, {self.killed}, {self.added - 1:+.1%}{'' if self.quiet else ', does not count'}"

    @property
    def added(self) -> float:
        return self.killed.seconds / self.alone.seconds

    @property
    def each(self) -> float:
        return (self.killed.seconds - self.alone.seconds) / max(1, self.killed.kills)

    @property
    def quiet(self) -> bool:
        return self.alone.quiet and self.killed.quiet


class Bench:
    """A context on tables of its own, and the balances as they have to be."""

    def __init__(self, context: BtcContext, dynamodb: DynamoDBClient, tables: Tables) -> None:
        self.context = context
        self.dynamodb = dynamodb
        self.tables = tables
        self.expected = generated(0)
        self.house = 0
        self.workers = up_before

    def seed(self, users: int) -> None:
        seconds = _timed(lambda: service.seed_users(self.context, users, by=BY))
        self.expected = generated(users).sort("user_id")
        _say(f"{users:,} users opened            {seconds:8.2f} s, {users / seconds:,.0f} users/s")

    def compare(self, rounds: int) -> None:
        """The whole of `service.run` and the bare loop, in turns, the one first and then the other."""
        bare: list[float] = []
        run: list[float] = []
        plan: list[float] = []
        rows: list[Row] = []
        for number in range(rounds):
            batch, seconds = self.sealed()
            plan.append(seconds)
            rows = self.rows()
            name = f"bare-{number}"
            turns: list[tuple[list[float], Callable[[], object]]] = [
                (bare, partial(bare_loop.book, self.dynamodb, self.tables, name, rows)),
                (run, partial(service.run, self.context, batch.batch_id)),
            ]
            for times, way in turns if number % 2 else reversed(turns):
                times.append(_timed(way))
            self.booked(rows, by_batch=True)
            self.booked(rows, by_batch=False)
            _say(f"  round {number + 1}: bare {bare[-1]:.2f} s, run {run[-1]:.2f} s, x{run[-1] / bare[-1]:.3f}")
        users = len(rows)
        ratio = median(one / other for one, other in zip(run, bare, strict=True))
        _say(f"plan and seal                {_line(plan)}")
        _say(f"bare loop, {users:,} rows   {_line(bare)}  {users / median(bare):,.0f} rows/s")
        _say(f"service.run                  {_line(run)}  x{ratio:.3f} (target 1.3)")

    def kill(self, rounds: int, kills: int, chance: random.Random) -> None:
        """A worker process left alone, and one that is killed again and again, in turns.

        The kills of a turn come at random moments of the length of the one before that was left alone.
        """
        made: list[KillRound] = []
        length = 0.0
        for number in range(rounds):
            turns: dict[int, Turn] = {}
            # the ledger grows from turn to turn, and the emulator is slower the more it holds
            for wanted in (0, kills) if number % 2 == 0 else (kills, 0):
                turns[wanted] = self.quiet_turn([chance.uniform(0, length) for _ in range(wanted)])
                length = turns[0].seconds if 0 in turns else length
            made.append(KillRound(turns[0], turns[kills]))
            _say(f"  round {number + 1}: {made[-1]}")
        counted = [one for one in made if one.quiet] or made
        _say(f"a worker left alone          {_line([one.alone.seconds for one in counted])}")
        _say(
            f"{min(one.killed.kills for one in counted):4} kills and resumes       "
            f"{_line([one.killed.seconds for one in counted])}  {median(one.added for one in counted) - 1:+.1%} "
            f"(target +10 %), {median(one.each for one in counted):.3f} s each, "
            f"of {sum(one.quiet for one in made)} quiet rounds"
        )

    def quiet_turn(self, moments: Sequence[float]) -> Turn:
        """A turn, again while the host lends its processors elsewhere; the last one, should none be quiet."""
        for _ in range(ATTEMPTS - 1):
            turn = self.turn(moments)
            if turn.quiet:
                return turn
            _say(f"    again: {turn}")
        return self.turn(moments)

    def turn(self, moments: Sequence[float]) -> Turn:
        """A batch of its own, worked on by processes that are killed at these moments."""
        batch, _ = self.sealed()
        with self.workers(1 + len(moments)) as workers:
            began, gone = time.perf_counter(), lent_elsewhere()
            kills = worked(batch.batch_id, workers, sorted(moments))
            turn = Turn(time.perf_counter() - began, lent_elsewhere() - gone, kills)
        self.booked(self.rows(), by_batch=True)
        return turn

    def sealed(self) -> tuple[Batch, float]:
        """A batch that waits for a worker, and the seconds it took to plan and to seal it."""
        began = time.perf_counter()
        batch = service.create(self.context, RATE, by=BY, memo=MEMO, approve=True)
        return batch, time.perf_counter() - began

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


@contextmanager
def _own_tables() -> Iterator[Bench]:
    """Those of `BTC_PROJECT`, which `provision` has made; dropped afterwards."""
    settings = load_settings()
    dynamodb = aws.client("dynamodb", settings)
    tables = table_names(settings.env, settings.of(BtcSettings).project)
    try:
        bare_loop.require_the_same_requests(tables)
        yield Bench(open_work(settings), dynamodb, tables)
    finally:
        for name in vars(tables).values():
            dynamodb.delete_table(TableName=name)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _line(times: Sequence[float]) -> str:
    return f"{median(times):8.2f} s (best {min(times):.2f}, worst {max(times):.2f})"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

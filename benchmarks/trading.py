"""Trading's targets, each beside its peer in the same run on the same server.

    .venv/bin/python -m benchmarks.trading [PART …] [--rounds 3] [--users 500|2_000] [--many 20_000|200_000]
        [--positions 50_000|1_000_000] [--hours 336|8_760] [--players 50|200] [--days 2|14]

The second number of each is the target's own size. On a PostgreSQL of its own, which goes at the end; processor time
is that of this process and of all the server's. The parts:

loop          a snapshot of `users` players, and the specification's loop over as many
floor         a snapshot of `many` players with 25 tokens, and a bare scan of their balances with a COPY of the result
funding       a tick, with funding, over 1,000 open positions and over `positions`
liquidations  finding 1,000 among `positions` and one indexed select of them; settling and a bare UPDATE and INSERT
reads         portfolio, leaderboard and a year of PnL over `users` × `hours` snapshots, and selects of the same rows
players       `players` at once, each with orders, while ticks fill them, and as many bare UPDATEs with INSERTs
contest       a replay of a contest of 200 players, `days` long, and the oracle that was written apart
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

from psycopg import Rollback

from batch_platform import migrations
from batch_platform.core import postgres
from batch_platform.core.postgres import Connection
from batch_platform.local import services
from batch_platform.local.environment import environment
from batch_platform.local.home import Home
from batch_platform.trading.model import Campaign
from batch_platform.trading.proving import oracle
from batch_platform.trading.series import Period
from batch_platform.trading.service import TradingContext, contests, engine, snapshots, ticks, trades
from batch_platform.trading.service.boards import ranking
from batch_platform.trading.service.pnl import pnl
from batch_platform.trading.service.portfolio import portfolio
from batch_platform_tests.trading.contests import FORTNIGHT, contest, written
from benchmarks import trading_data as data
from benchmarks.measure import Turn, with_server
from benchmarks.trading_liquidations import Found
from benchmarks.trading_spec_loop import capture_portfolio_snapshots, copy_competition

AT: Final = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""The first hour that is measured."""
NAME: Final = "benchmark"
NEAR: Final = 1_000
"""Positions that a fall of 3 % liquidates."""
TICKS: Final = 30
"""Of a round of funding."""
CALLS: Final = 200
"""Of each service call in a round."""
CONNECTIONS: Final = 32
"""Of all players together."""
ORDERS: Final = 5
"""Of each player in a round."""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parts", nargs="*", metavar="PART", help="of those above; all of them by default")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--users", type=int, default=500)
    options.add_argument("--many", type=int, default=20_000)
    options.add_argument("--positions", type=int, default=50_000)
    options.add_argument("--hours", type=int, default=336)
    options.add_argument("--players", type=int, default=50)
    options.add_argument("--days", type=float, default=2)
    chosen = options.parse_args()
    with _server() as (context, process):
        bench = Bench(context, process, chosen.rounds)
        parts: dict[str, Callable[[], None]] = {
            "loop": lambda: bench.loop(chosen.users),
            "floor": lambda: bench.floor(chosen.many),
            "funding": lambda: bench.funding(chosen.positions),
            "liquidations": lambda: bench.liquidations(chosen.positions),
            "reads": lambda: bench.reads(chosen.users, chosen.hours),
            "players": lambda: bench.players(chosen.players),
            "contest": lambda: bench.contest(chosen.days),
        }
        for part in chosen.parts or parts:
            parts[part]()


@contextmanager
def _server() -> Iterator[tuple[TradingContext, int]]:
    """A context, whose clock stands after all that is measured, and the server's process."""
    with tempfile.TemporaryDirectory(prefix="benchmark-trading-") as folder:
        home = Home(Path(folder) / "home").create()
        try:
            state = services.start(home, frozenset({"postgres"}), lambda _: None, owner=os.getpid())
            process = state.services["postgres"].process
            assert process is not None, "it has just been started"
            url = environment(home, state)["DATABASE_URL"]
            migrations.upgrade(url)
            with postgres.open_pool(url, application_name="benchmark", max_size=CONNECTIONS) as pool:
                yield TradingContext(pool, lambda: AT + timedelta(days=2)), process.pid
        finally:
            services.stop(home)


class Bench:
    """The parts; each begins by taking every competition away."""

    def __init__(self, context: TradingContext, server: int, rounds: int) -> None:
        self.context = context
        self.server = server
        self.rounds = rounds

    def loop(self, users: int) -> None:
        """An hour by the service, and by the specification's loop."""
        campaign = self._competition(users)
        ours: list[Turn] = []
        theirs: list[Turn] = []
        with postgres.autocommit(self.context.pool) as connection:
            copy_competition(connection, campaign.number, AT)
            for hour in self._hours():
                ours.append(self._snapshot(hour))
                now = hour.replace(tzinfo=None)
                theirs.append(self._timed(partial(capture_portfolio_snapshots, connection, now)))
        _compare(f"snapshot of {users:,} players", ours, "the specification's loop", theirs, target="0.05")

    def floor(self, users: int) -> None:
        """Processor time of an hour, and of reading every balance and copying the hour's rows to a table like it."""
        campaign = self._competition(users)
        ours: list[Turn] = []
        theirs: list[Turn] = []
        with postgres.autocommit(self.context.pool) as connection:
            for hour in self._hours():
                ours.append(self._snapshot(hour))
                with connection.cursor().copy(_ROWS, [campaign.number, hour]) as copy:
                    rows = b"".join(map(bytes, copy))
                connection.execute(_BEFORE)
                theirs.append(self._timed(partial(_scan_and_copy, connection, rows)))
        _compare(f"snapshot of {users:,} players", ours, "scan and COPY", theirs, target="2", by="cpu")

    def funding(self, positions: int) -> None:
        """Ticks that step the funding index of every token, over few and over many positions."""
        few, many = (self._ticks(count) for count in (1_000, positions))
        what = f"{TICKS} ticks over {positions:,} positions"
        _compare(what, many, f"{TICKS} ticks over 1,000", few, target="1: the same", by="cpu")

    def _ticks(self, positions: int) -> list[Turn]:
        campaign = self._competition(1_000, positions=positions)
        with self.context.store.snapshot() as session:
            quotes = data.quotes(session, campaign, AT)

        def tick_on(first: int) -> None:
            for number in range(first, first + TICKS):
                with self.context.store.transaction() as session:
                    engine.tick(session, campaign, self._later(number), quotes, kind="given")

        return [self._timed(partial(tick_on, TICKS * number)) for number in range(self.rounds)]

    def liquidations(self, positions: int) -> None:
        """A fall of 3 % that liquidates 1,000; each turn is taken back."""
        campaign = self._competition(1_000, positions=positions, near=NEAR)
        at = self._later(0)
        ways: dict[str, list[float]] = {"find": [], "select": [], "settle": [], "write": []}
        for _ in range(5 * self.rounds):
            with self.context.store.transaction() as session:
                token_nos = session.add_prices(at, data.fallen(session, campaign, AT))
                values = {"token_nos": token_nos, "at": at}
                found = Found(session, values)
                ways["find"].append(_seconds(found.find))
                ways["select"].append(_seconds(found.select))
                found.prepare(campaign)
                with session.connection.transaction():
                    liquidate = partial(session.liquidate, campaign.number, at, token_nos, campaign.usdc_no)
                    ways["settle"].append(_seconds(liquidate))
                    raise Rollback
                ways["write"].append(_seconds(found.write))
                raise Rollback
        among = f"{NEAR:,} of {positions:,} positions"
        _compare(f"finding {among}", ways["find"], "indexed select of them", ways["select"], target="10")
        _compare(f"liquidating {among}", ways["settle"], "UPDATE and INSERT", ways["write"], target="3")

    def reads(self, users: int, hours: int) -> None:
        """What players look at, over unthinned snapshots, and one indexed select of the rows that each shows."""
        self._competition(users)
        newest = AT - data.HOUR
        with self.context.store.transaction() as session:
            campaign = engine.campaign(session, NAME)
            rows = data.history(session, campaign, end=newest, hours=hours)
        _say(f"{rows:,} snapshots of {users:,} players")
        points = [point.at for point in pnl(self.context, NAME, f"{NAME}-1", Period.YEAR, at=newest).points]
        calls: dict[str, tuple[Callable[[str], object], bytes, dict[str, object]]] = {
            "portfolio": (lambda wallet: portfolio(self.context, NAME, wallet), _HELD, {}),
            "leaderboard": (
                lambda _: ranking(self.context, NAME),
                _BEST,
                {"campaign_no": campaign.number, "at": newest},
            ),
            "PnL, 1y": (
                lambda wallet: pnl(self.context, NAME, wallet, Period.YEAR, at=newest),
                _POINTS,
                {"points": points},
            ),
        }
        for name, (call, select, values) in calls.items():
            ours, theirs = [], []
            for number in range(CALLS * self.rounds):
                player = 1 + number % users
                ours.append(_seconds(partial(call, f"{NAME}-{player}")))
                theirs.append(_seconds(partial(self._select, select, {**values, "wallet": f"{NAME}-{player}"})))
            _compare_slowest(name, ours, theirs)

    def players(self, count: int) -> None:
        """All of them at once place order after order, swaps that ticks fill and stakes; each is timed by itself."""
        self._competition(count)
        context = replace(self.context, clock=partial(datetime.now, UTC))
        with context.store.snapshot() as session:
            quotes = data.quotes(session, engine.campaign(session, NAME), AT)
        ticks.tick(context, NAME, quotes)
        requests = [
            {"order": "swap", "from": "T01", "to": "USDC", "amount": "0.001"},
            {"order": "stake", "token": "T02", "amount": "0.001"},
        ]
        ours: list[float] = []
        theirs: list[float] = []

        def place(player: int) -> list[float]:
            wallet = f"{NAME}-{1 + player}"
            orders = [requests[(player + number) % 2] for number in range(ORDERS)]
            return [_seconds(partial(trades.place, context, NAME, wallet, order)) for order in orders]

        def write(player: int) -> list[float]:
            values: dict[str, object] = {"wallet": f"{NAME}-{1 + player}"}
            return [_seconds(partial(self._write, values)) for _ in range(ORDERS)]

        with ThreadPoolExecutor(count) as pool:
            for _ in range(self.rounds):
                began = time.perf_counter()
                ours += [seconds for times in pool.map(place, range(count)) for seconds in times]
                middle = time.perf_counter()
                theirs += [seconds for times in pool.map(write, range(count)) for seconds in times]
                both = (middle - began, time.perf_counter() - middle)
                rates = " and ".join(f"{count * ORDERS / seconds:,.0f}" for seconds in both)
                filled = ticks.tick(context, NAME, quotes)
                _say(f"{rates} a second; the tick then filled {len(filled.filled) if filled else 0:,}")
        _compare(f"an order, {count} players at once", ours, "UPDATE and INSERT", theirs, target="none")

    def _write(self, values: dict[str, object]) -> None:
        with postgres.transaction(self.context.pool) as connection:
            connection.execute(_TAKE, values)
            connection.execute(_NOTE, values)

    def _select(self, statement: bytes, values: dict[str, object]) -> None:
        with postgres.transaction(self.context.pool) as connection:
            connection.execute(statement, values).fetchall()

    def contest(self, days: float) -> None:
        """The same lines by the engine and by the oracle, to the last byte."""
        lines = written(contest(Random(1), replace(FORTNIGHT, days=days))).splitlines()
        encoded = [line.encode() for line in lines]
        ours: list[Turn] = []
        theirs: list[Turn] = []
        answers: list[str] = []
        for _ in range(self.rounds):
            ours.append(self._timed(lambda: answers.append(_text(contests.replay(self.context, encoded)))))
            theirs.append(self._timed(lambda: answers.append(_text(oracle.replay(lines)))))
        _compare(f"replay of {len(lines):,} lines", ours, "the oracle", theirs, target="2", by="cpu")
        _say(f"  answers {'equal' if len(set(answers)) == 1 else 'DIFFER'}, {len(answers[0]):,} characters")

    def _competition(self, users: int, *, positions: int = 0, near: int = 0) -> Campaign:
        with self.context.store.transaction() as session:
            data.empty(session)
            campaign = data.competition(session, NAME, users=users, at=AT, hours=self.rounds)
            if positions:
                data.positions(session, campaign, count=positions, near=near, at=AT)
        with postgres.autocommit(self.context.pool) as connection:
            connection.execute(b"VACUUM")
            connection.execute(b"CHECKPOINT")
        return campaign

    def _hours(self) -> list[datetime]:
        return [AT + number * data.HOUR for number in range(self.rounds)]

    def _later(self, number: int) -> datetime:
        """An instant after everything that is priced."""
        return AT + self.rounds * data.HOUR + timedelta(minutes=1 + number)

    def _snapshot(self, hour: datetime) -> Turn:
        return self._timed(partial(snapshots.take, self.context, NAME, hour))

    def _timed(self, work: Callable[[], object]) -> Turn:
        return with_server(work, self.server)


def _scan_and_copy(connection: Connection, rows: bytes) -> None:
    connection.execute(_SCAN).fetchall()
    with connection.cursor().copy(_COPY) as copy:
        copy.write(rows)


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _text(answer: object) -> str:
    return json.dumps(answer, ensure_ascii=False, sort_keys=True)


def _compare(
    what: str,
    ours: Sequence[Turn | float],
    peer: str,
    theirs: Sequence[Turn | float],
    *,
    target: str,
    by: str = "wall",
) -> None:
    """Medians of both, and that of the ratios of each pair."""
    for name, turns in ((what, ours), (peer, theirs)):
        _say(f"{name:44} {_line(turns)}")
    ratios = [_value(mine, by) / _value(their, by) for mine, their in zip(ours, theirs, strict=True)]
    rounds = ", ".join(f"{ratio:.3f}" for ratio in ratios[:5])
    _say(f"  ratio of {by} x{median(ratios):.3f} ({rounds}), target {target}")


def _compare_slowest(name: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
    """By what 95 of 100 calls take at most."""
    mine, bare = (1000 * sorted(times)[len(times) * 95 // 100] for times in (ours, theirs))
    medians = " and ".join(f"{1000 * median(times):.2f}" for times in (ours, theirs))
    ratio = f"x{mine / bare:.1f} (medians {medians})"
    _say(f"{name:12} p95 {mine:7.2f} ms, indexed select {bare:7.2f} ms, {ratio}, target 10")


def _line(turns: Sequence[Turn | float]) -> str:
    wall = [_value(turn, "wall") for turn in turns]
    line = f"{1000 * median(wall):10,.1f} ms (best {1000 * min(wall):,.1f}, worst {1000 * max(wall):,.1f})"
    cpu = [turn.cpu for turn in turns if isinstance(turn, Turn)]
    return f"{line}, {median(cpu):.2f} s CPU" if cpu else line


def _value(turn: Turn | float, by: str) -> float:
    """A turn without processor time is its wall time; no turn takes nothing, only less than a clock's tick."""
    return max(float(getattr(turn, by)), 0.005) if isinstance(turn, Turn) else turn


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


_HELD: Final = b"""
    SELECT b.* FROM trading.user_balances AS b
    WHERE b.user_no = (SELECT u.user_no FROM trading.users AS u WHERE u.wallet_address = %(wallet)s)
"""
_BEST: Final = b"""
    SELECT s.* FROM trading.portfolio_snapshots AS s
    WHERE s.campaign_no = %(campaign_no)s AND s.timestamp = %(at)s
    ORDER BY s.pnl_percentage DESC LIMIT 20
"""
_POINTS: Final = b"""
    SELECT s.* FROM trading.portfolio_snapshots AS s
    WHERE s.user_no = (SELECT u.user_no FROM trading.users AS u WHERE u.wallet_address = %(wallet)s)
      AND s.timestamp = ANY (%(points)s)
"""
_TAKE: Final = b"""
    UPDATE trading.user_balances AS b SET balance = b.balance - 0.001, reserved = b.reserved + 0.001
    FROM trading.users AS u, trading.tokens AS t
    WHERE u.wallet_address = %(wallet)s AND b.user_no = u.user_no AND t.token_no = b.token_no AND t.symbol = 'T03'
"""
_NOTE: Final = b"""
    INSERT INTO trading.orders (user_no, campaign_no, id, kind, request, accepted_at, status, settled_at)
    SELECT u.user_no, u.campaign_no, gen_random_uuid()::text, 'swap', '{}', now(), 'filled', now()
    FROM trading.users AS u WHERE u.wallet_address = %(wallet)s
"""
_ROWS: Final = b"COPY (SELECT * FROM trading.portfolio_snapshots WHERE campaign_no = %s AND timestamp = %s) TO STDOUT"
_BEFORE: Final = b"""
    DROP TABLE IF EXISTS public.floor;
    CREATE TABLE public.floor (LIKE trading.portfolio_snapshots INCLUDING ALL);
    INSERT INTO public.floor
    SELECT * FROM trading.portfolio_snapshots AS s
    WHERE s.timestamp < (SELECT max(timestamp) FROM trading.portfolio_snapshots);
    ANALYZE public.floor
"""
_SCAN: Final = b"SELECT sum(balance), sum(reserved), sum(staked) FROM trading.user_balances"
_COPY: Final = b"COPY public.floor FROM STDIN"

if __name__ == "__main__":
    main()

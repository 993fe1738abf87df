"""Staffing's targets, each beside its peer in the same run on the same server.

    .venv/bin/python -m benchmarks.staffing [PART …] [--rounds 3] [--engineers 300_000]

On a PostgreSQL of its own, which goes at the end; processor time is that of this process and of all the server's. The
parts:

status  the status of `engineers` on a day, written: where each of them is new, and on a usual day after it; beside a
        bare UPDATE of as many rows
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

from batch_platform import migrations
from batch_platform.core import postgres
from batch_platform.domains import load_settings
from batch_platform.local import services
from batch_platform.local.environment import environment
from batch_platform.local.home import Home
from batch_platform.staffing.opening import build_context
from batch_platform.staffing.service import StaffingContext, statuses
from benchmarks.measure import Turn, with_server

DAY: Final = date(2026, 9, 10)
NOW: Final = datetime(2026, 12, 1, tzinfo=UTC)

# Of each engineer three assignments in a row, of which every seventh leaves a gap, every twentieth is open and every
# tenth was extended; one in thirty is on leave.
_FACTS: Final = """
INSERT INTO staffing.engineers (engineer_id, company_id)
SELECT n::text, (n % 400)::text FROM generate_series(1, {n}) AS n;
INSERT INTO staffing.assignments (assignment_id, recorded_at, engineer_id, starts_on, planned_end, state)
SELECT n || '-' || k, '2026-01-01'::timestamptz + v * interval '30 days', n::text, s.begins,
       CASE WHEN k < 3 OR n % 20 > 0 THEN s.begins + 119 + 30 * v - CASE WHEN n % 7 = 0 THEN 3 ELSE 0 END END,
       CASE WHEN n % 50 = k THEN 'tentative' ELSE 'confirmed' END
FROM generate_series(1, {n}) AS n, generate_series(1, 3) AS k, generate_series(0, 1) AS v,
     LATERAL (SELECT date '2025-10-01' + (n % 240)::integer + 120 * (k - 1) AS begins) AS s
WHERE v = 0 OR n % 10 = k;
INSERT INTO staffing.status_holds (engineer_id, status, valid_from)
SELECT n::text, 'leave', '2026-06-01' FROM generate_series(30, {n}, 30) AS n;
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parts", nargs="*", metavar="PART", help="of those above; all of them by default")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--engineers", type=int, default=300_000)
    chosen = options.parse_args()
    with _server() as (context, process):
        parts: dict[str, Callable[[], None]] = {
            "status": lambda: _status(context, process, engineers=chosen.engineers, rounds=chosen.rounds),
        }
        for part in chosen.parts or parts:
            parts[part]()


@contextmanager
def _server() -> Iterator[tuple[StaffingContext, int]]:
    """A context, whose clock stands after all that is measured, and the server's process."""
    with tempfile.TemporaryDirectory(prefix="benchmark-staffing-") as folder:
        home = Home(Path(folder) / "home").create()
        try:
            state = services.start(home, frozenset({"postgres"}), lambda _: None, owner=os.getpid())
            process = state.services["postgres"].process
            assert process is not None, "it has just been started"
            url = environment(home, state)["DATABASE_URL"]
            migrations.upgrade(url)
            with postgres.open_pool(url, application_name="benchmark") as pool:
                yield build_context(pool, load_settings(), clock=lambda: NOW), process.pid
        finally:
            services.stop(home)


def _status(context: StaffingContext, server: int, *, engineers: int, rounds: int) -> None:
    _run(context, *_FACTS.format(n=engineers).strip().split(";\n"))
    first, usual, bare = [], [], []
    for _ in range(rounds):
        _run(context, "TRUNCATE staffing.status_days, staffing.status_changes")
        _run(context, "UPDATE staffing.engineers SET status = NULL")
        _settle(context)
        bare.append(with_server(lambda: _run(context, "UPDATE staffing.engineers SET status = 'waiting'"), server))
        _run(context, "UPDATE staffing.engineers SET status = NULL")
        _settle(context)
        first.append(with_server(lambda: statuses.write_day(context, DAY), server))
        _settle(context)
        usual.append(with_server(lambda: statuses.write_day(context, DAY + timedelta(days=1)), server))
    _say(f"{engineers:,} engineers, a bare UPDATE of their rows", bare, bare)
    _say("the first day, each of them new", first, bare)
    _say("a usual day after it", usual, bare)


def _run(context: StaffingContext, *commands: str) -> None:
    with context.store.autocommit() as session:
        for command in commands:
            session.connection.execute(command.encode())


def _settle(context: StaffingContext) -> None:
    _run(context, "VACUUM ANALYZE staffing.engineers", "VACUUM ANALYZE staffing.assignments")
    _run(context, "VACUUM ANALYZE staffing.status_changes", "CHECKPOINT")


def _say(what: str, turns: Sequence[Turn], peer: Sequence[Turn]) -> None:
    wall, cpu = median(turn.wall for turn in turns), median(turn.cpu for turn in turns)
    of = wall / median(turn.wall for turn in peer), cpu / median(turn.cpu for turn in peer)
    sys.stdout.write(f"{what}: {wall:.2f} s, processors {cpu:.2f} s; × {of[0]:.2f} and {of[1]:.2f}\n")


if __name__ == "__main__":
    main()

"""The outbox's rate and its delay, beside a bare SMTP loop to the same sink.

    .venv/bin/python -m benchmarks.outbox [--mails 2_000] [--seconds 20] [--workers 1]

On embedded services of its own, which go at the end. `mails` are handed over at once, and sent by resident workers in
processes of their own; the peer gives as many mails of the same bytes to the sink, one connection, nothing kept. The
delay is that of single mails, one every 50 ms for `seconds`: from the commit of the fact to the answer of the sink.
"""

from __future__ import annotations

import argparse
import os
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Final
from urllib.parse import urlsplit

from batch_platform.core import postgres
from batch_platform.core.clock import utc_now
from batch_platform.domains import load_settings
from batch_platform.local import services
from batch_platform.local.home import Home
from batch_platform.local.provision import provision
from batch_platform.outbox.model import Channel, Notice
from batch_platform.outbox.service import enqueue

_WORKER: Final = "from batch_platform.cli import main; main()"
_ACCEPTED: Final = "SELECT count(*) FROM outbox.notices WHERE key LIKE %s AND state = 'accepted'"
_DELAYS: Final = """
SELECT extract(epoch FROM accepted_at - created_at)::float8 FROM outbox.notices WHERE key LIKE 'alone %' ORDER BY 1
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=2_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    home = Home(Path(tempfile.mkdtemp(prefix="benchmark-outbox-")))
    os.environ["BATCH_PLATFORM_HOME"] = str(home.root)
    try:
        variables = services.ensure_running(load_settings(), owner=os.getpid())
        os.environ.update(variables)
        provision(load_settings(), variables)
        database = load_settings().database()
        with postgres.open_pool(database, application_name="benchmark") as pool, _workers(given.workers):
            _hand_over(pool, "first", 1)
            _until(pool, "first", 1)  # they have started
            began = time.perf_counter()
            _hand_over(pool, "together", given.mails)
            _until(pool, "together", given.mails)
            ours = time.perf_counter() - began
            for number in range(given.seconds * 20):
                _hand_over(pool, f"alone {number}", 1)
                time.sleep(0.05)
            _until(pool, "alone", given.seconds * 20)
            with postgres.transaction(pool) as connection:
                delays = [delay for [delay] in connection.execute(_DELAYS.encode()).fetchall()]
        bare = _bare(variables["SMTP_URL"], home, given.mails)
        _say(given.mails, given.workers, ours, bare, delays)
    finally:
        services.stop(home)
        shutil.rmtree(home.root, ignore_errors=True)


@contextmanager
def _workers(count: int) -> Iterator[None]:
    command = [sys.executable, "-c", _WORKER, "workers", "run", "notification-delivery"]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield
    finally:
        for worker in running:
            worker.terminate()
        for worker in running:
            worker.wait()


def _hand_over(pool: postgres.Pool, key: str, count: int) -> None:
    parameters = {"approach": key, "company": "株式会社髙橋システム", "engineer": "𠮷田 花子"}
    notices = [
        Notice(
            key=f"{key} {number}",
            channel=Channel.MAIL,
            template="periodic-approach",
            recipient=f"engineer-{number}@example.jp",
            parameters=parameters,
        )
        for number in range(count)
    ]
    with postgres.transaction(pool) as connection:
        enqueue(connection, "staffing", notices, at=utc_now())


def _until(pool: postgres.Pool, key: str, count: int) -> None:
    while True:
        with postgres.transaction(pool) as connection:
            [[accepted]] = connection.execute(_ACCEPTED.encode(), [f"{key} %"]).fetchall()
        if accepted >= count:
            return
        time.sleep(0.02)


def _bare(url: str, home: Home, count: int) -> float:
    content = next((home.root / "mail").glob("*.eml")).read_bytes()
    address = urlsplit(url)
    began = time.perf_counter()
    with smtplib.SMTP(str(address.hostname), int(address.port or 25)) as server:
        for number in range(count):
            server.sendmail("no-reply@batch-platform.example", [f"engineer-{number}@example.jp"], content)
    return time.perf_counter() - began


def _say(mails: int, workers: int, ours: float, bare: float, delays: list[float]) -> None:
    cuts = quantiles(delays, n=100)
    sys.stdout.write(
        f"{mails:,} mails, {workers} workers: {mails / ours:.0f} a second, a bare loop {mails / bare:.0f}: "
        f"× {ours / bare:.1f} of its time\n"
        f"delay of single ones: p50 {cuts[49]:.2f} s, p99 {cuts[98]:.2f} s\n"
    )


if __name__ == "__main__":
    main()

"""The resident worker as a process: an order is filled at once, by whichever worker lives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from batch_platform.core.clock import utc_now
from batch_platform.domains import load_settings
from batch_platform.settings import Settings
from batch_platform.trading.opening import open_context
from batch_platform.trading.service.engine import Row
from batch_platform_tests.databases import migrated_database
from batch_platform_tests.trading.live import Clock, Live, make_live
from batch_platform_tests.trading.market import MINTS
from batch_platform_tests.waiting import eventually

# without the root, which would put the session's database in the place of the test's
_COMMAND = """
from batch_platform.domains import load_settings
from batch_platform.kit.workers import commands
from batch_platform.trading.domain import DOMAIN
commands(DOMAIN.workers, load_settings)(["run", "trading-prices"])
"""


class Now(Clock):
    """The present."""

    def __call__(self) -> datetime:
        return utc_now()


@pytest.fixture
def live(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """A campaign of today in a database of its own, traded at the embedded price server."""
    with migrated_database(settings, "trading_worker") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        with open_context(load_settings()) as context:
            live = make_live(context, addresses=MINTS, clock=Now())
            live.join("ann")
            yield live


@contextmanager
def working() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen((sys.executable, "-c", _COMMAND), env=dict(os.environ))
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def status(live: Live, order: Row) -> str:
    with live.context.store.transaction() as session:
        return str(session.order_by_no(order["order_no"])["status"])


def test_orders_are_filled_by_whichever_worker_lives(live: Live) -> None:
    def is_filled(order: Row) -> bool:
        return status(live, order) == "filled"

    with working() as first, working() as second:
        order = live.place("ann", "swap", **{"from": "SOL", "to": "USDC", "amount": "1"})
        eventually(lambda: is_filled(order))
        first.kill()
        order = live.place("ann", "perp_open", token="SOL", collateral="100", leverage=2, direction="short")
        eventually(lambda: is_filled(order))
        second.send_signal(signal.SIGTERM)
        assert second.wait(30) == 0
    with live.context.store.transaction() as session:
        [[ticks]] = session.connection.execute("SELECT count(*) FROM ticks").fetchall()
    assert ticks == 2

"""The demo's part of trading: what it tells of a contest, and that it comes to the same whenever it is run."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from batch_platform.core.failures import PermanentFailure
from batch_platform.local import prices
from batch_platform.local.price_server.server import PriceServer
from batch_platform.settings import Settings
from batch_platform.trading import contest, demo
from batch_platform.trading.demo import bundled, live
from batch_platform.trading.demo.story import board, story
from batch_platform.trading.proving.oracle import replay
from batch_platform.trading.service import TradingContext, engine
from batch_platform.trading.settings import TradingSettings
from batch_platform_tests.waiting import PATIENCE

AT = "2026-11-09T{}:00Z"
DEMO = """
from batch_platform.domains import load_settings
from batch_platform.trading import demo
demo.run(load_settings(), lambda message: print(message, flush=True))
"""


def lines() -> list[str]:
    """Two hours of a player who does everything, and one who does nothing."""
    facts: list[dict[str, Any]] = [
        {"kind": "token", "token": "USDC", "decimals": 6},
        {"kind": "token", "token": "SOL", "decimals": 9, "perp_max_leverage": 20},
        {"kind": "token", "token": "jSOL", "decimals": 9},
        {"kind": "lst_pool", "base": "SOL", "lst": "jSOL", "exchange_rate": "1.25"},
        {"kind": "interest_rate", "token": "SOL", "action": "staking", "rate": "7.3", "effective": "2026-11-01"},
        {"kind": "user", "user": "ann", "at": AT.format("00:00")},
        {"kind": "user", "user": "bob", "at": AT.format("00:00")},
        {"kind": "flow", "user": "ann", "at": AT.format("00:00"), "flow": "initial", "amounts": {"USDC": "1000"}},
        {"kind": "flow", "user": "ann", "at": AT.format("00:11"), "flow": "deposit", "amounts": {"SOL": "5"}},
    ]
    for minute, price in {"00:10": "150", "00:20": "160", "00:30": "120", "00:40": "125"}.items():
        facts.append({"kind": "tick", "at": AT.format(minute), "prices": {"SOL": price, "USDC": "1"}})
    asked: list[tuple[str, dict[str, str | int]]] = [
        ("00:11", {"order": "swap", "from": "USDC", "to": "SOL", "amount": "320"}),
        ("00:12", {"order": "perp_open", "token": "SOL", "collateral": "100", "leverage": 10, "direction": "long"}),
        ("00:13", {"order": "perp_open", "token": "SOL", "collateral": "50", "leverage": 2, "direction": "short"}),
        ("00:14", {"order": "swap", "from": "USDC", "to": "SOL", "amount": "100000"}),
        ("00:21", {"order": "stake", "token": "SOL", "amount": "1"}),
        ("00:22", {"order": "liquid_stake", "token": "SOL", "amount": "1"}),
        ("00:23", {"order": "unstake", "investment": "o4"}),
        ("00:24", {"order": "perp_close", "position": "o1"}),
        ("00:31", {"order": "perp_close", "position": "o2"}),
        ("00:41", {"order": "swap", "from": "SOL", "to": "USDC", "amount": "1"}),
        ("01:20", {"order": "swap", "from": "SOL", "to": "USDC", "amount": "2"}),
    ]
    for number, (minute, order) in enumerate(asked):
        facts.append({"kind": "order", "id": f"o{number}", "user": "ann", "at": AT.format(minute), **order})
    facts += [{"kind": "snapshot", "at": AT.format(hour)} for hour in ("01:00", "01:30")]
    return [json.dumps(fact) for fact in facts]


def test_the_story_of_a_player_has_all_that_happened_in_order() -> None:
    given = lines()
    told = story(contest.read(line.encode() for line in given), replay(given), "ann")
    assert [f"{at:%H:%M} {text}" for at, text in told] == [
        "00:00 starts with 1000 USDC, worth 1,000.00 USD",
        "00:11 deposit of 5 SOL",
        "00:14 swaps 100000 USDC into SOL: rejected, insufficient_balance",
        "00:20 swaps 320 USDC into SOL: 2",
        "00:20 opens a 10x long on SOL with 100 USDC, at 160",
        "00:20 opens a 2x short on SOL with 50 USDC, at 160",
        "00:21 stakes 1 SOL",
        "00:22 stakes in the pool 1 SOL: 0.8 minted",
        "00:23 unstakes 1 SOL: 1",
        "00:24 closes the 10x long on SOL: rejected, position_liquidated",
        "00:30 the 10x long on SOL is liquidated at 120: a bad debt of 150 USDC",
        "00:40 closes the 2x short on SOL at 125: +21.88 USDC",
        "00:41 swaps 1 SOL into USDC: expired",
        "01:00 worth 1,476.88 USD, -32.31 %, rank 1 of 1",
        "01:20 swaps 2 SOL into USDC: waits",
    ]


def test_a_board_has_ranks_names_and_who_has_none() -> None:
    answer = replay([line for line in lines() if "01:30" not in line])
    at, newest = AT.format("01:00"), answer["leaderboard"][AT.format("01:00")]
    assert [row["user"] for row in newest["ranked"]] == ["ann"]
    head, first, last = board(answer, {"ann": "Ann"})
    assert head == f"leaderboard at {at}: 1 ranked"
    assert first.split() == ["1", "Ann", "-32.31", "%", "-323.12", "USD"]
    assert last.split() == ["–", "bob", "no_baseline"]


def test_a_campaign_that_is_not_its_replay_is_a_failure() -> None:
    answer = replay(lines())
    console = Console(quiet=True)
    bundled.show_equal(console, "x", answer, answer)
    with pytest.raises(PermanentFailure, match="balances, snapshots differ"):
        bundled.show_equal(console, "x", {**answer, "balances": {}, "snapshots": []}, answer)


@pytest.fixture
def steered(settings: Settings) -> Iterator[Settings]:
    """The settings with a price server of the test's own."""
    with PriceServer(0) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield settings.having(TradingSettings(**prices.variables(server.server_address[1])))
        server.shutdown()


def test_killed_anywhere_and_run_again_it_comes_to_the_same(
    trading: TradingContext, steered: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    moments, killed = random.Random(5), 0
    for stage in ("replaying it", "live, 4 players", "tick 1:", "tick 3:", "tick 5:"):
        killed += killed_after(steered, stage, moments.uniform(0, 0.2))
    assert killed >= 4
    steps: list[str] = []
    printed, states = [], []
    for _ in range(2):
        demo.run(steered, steps.append)
        printed.append(capsys.readouterr().out)
        states.append(bundled.came_to(trading, live.CAMPAIGN))
    assert printed[0] == printed[1]
    assert states[0] == states[1]
    assert "50 players, 289 ticks, 751 orders, 2,272 snapshots" in printed[0]
    assert "the 20x long on SOL is liquidated at 151.762706: a bad debt of 120.330366 USDC" in printed[0]
    assert "   1  minoru.sol          +4.55 %       +119.55 USD" in printed[0]
    assert "Trading, live: 4 players, 5 ticks, 13 orders" in printed[0]
    assert "the 20x long on SOL is liquidated at 139.1: a bad debt of 72.06" in printed[0]
    for name in ("demo", "demo-live"):
        assert f"campaign {name} equals its replay" in printed[0]
        assert f"everything made again from its facts: equal (trading verify --campaign {name})" in printed[0]
    assert [printed[0].index(f"{rank}  {name} ") for rank, name in enumerate(("jun", "mei", "aoi", "ren"), 1)]
    # and one that nobody has played in yet
    with trading.store.snapshot() as session:
        playground = engine.campaign(session, "main")
    assert (playground.kind, playground.ends_at, len(playground.tokens)) == ("live", None, 6)


def test_prices_that_cannot_be_steered_leave_the_live_part_out(
    trading: TradingContext, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "CAMPAIGN", "demo-elsewhere")
    steps: list[str] = []
    with PriceServer(0) as server:
        nowhere = settings.having(TradingSettings(TRADING_JUPITER_URL=server.url))
    live.run(trading, nowhere, steps.append, Console(quiet=True))
    assert f"left out: {server.url} is no price server" in steps[-1]
    with trading.store.snapshot() as session:
        assert session.campaign(live.CAMPAIGN) is None


def killed_after(settings: Settings, stage: str, seconds: float) -> bool:
    """Start the demo and kill it a little after it has told of a stage; False when it was done sooner."""
    trading = settings.of(TradingSettings)
    with subprocess.Popen(
        [sys.executable, "-c", DEMO],
        env={**os.environ, **prices.variables(int(trading.jupiter_url.rpartition(":")[2]))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if stage in line:
                break
        time.sleep(seconds)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        return process.returncode == -signal.SIGKILL

"""The demo's part of trading: what it tells of a contest, and that it comes to the same whenever it is run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console

from batch_platform.core.failures import PermanentFailure
from batch_platform.trading import contest
from batch_platform.trading.demo import bundled
from batch_platform.trading.demo.story import board, story
from batch_platform.trading.proving.oracle import replay
from batch_platform.trading.service import TradingContext

AT = "2026-11-09T{}:00Z"


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


def test_the_bundled_contest_comes_to_the_same_run_again(
    trading: TradingContext, capsys: pytest.CaptureFixture[str]
) -> None:
    steps: list[str] = []
    printed = []
    for _ in range(2):
        bundled.run(trading, steps.append, Console(highlight=False, markup=False, soft_wrap=True))
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert [step.split()[2] for step in steps if "campaign" in step] == ["loaded", "was"]
    assert "50 players, 289 ticks, 751 orders, 2,272 snapshots" in printed[0]
    assert "campaign demo equals its replay" in printed[0]
    assert "everything made again from its facts: equal" in printed[0]
    assert "the 20x long on SOL is liquidated at 151.762706: a bad debt of 120.330366 USDC" in printed[0]
    assert "   1  minoru.sol          +4.55 %       +119.55 USD" in printed[0]

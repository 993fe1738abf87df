"""The contest of the demo: made by its seed, small, and with all that the demo tells of."""

from __future__ import annotations

import json
from collections import Counter
from importlib.resources import files

from batch_platform.trading.proving.oracle import replay
from batch_platform_tests.trading import demo_contest

TEXT = files("batch_platform.trading").joinpath("demo", "contest.jsonl").read_text()


def test_it_is_what_its_seed_makes() -> None:
    assert demo_contest.text() == TEXT
    assert len(TEXT.encode()) < 400_000


def test_fifty_players_do_everything_and_meet_a_gap_and_a_liquidation_with_bad_debt() -> None:
    lines = [json.loads(line) for line in TEXT.splitlines()]
    answer = replay(TEXT.splitlines())
    assert Counter(line["kind"] for line in lines)["user"] == 50
    statuses = {order["id"]: answer["orders"][order["id"]] for order in lines if order["kind"] == "order"}
    filled = {
        line["order"] for line in lines if line["kind"] == "order" and statuses[line["id"]]["status"] == "filled"
    }
    assert filled == {"swap", "stake", "liquid_stake", "unstake", "perp_open", "perp_close"}
    reasons = {outcome.get("reason") for outcome in statuses.values()}
    assert {"expired", "insufficient_balance", "position_liquidated", "close_pending"} <= reasons
    positions = Counter(position["status"] for position in answer["positions"].values())
    assert set(positions) == {"open", "closed", "liquidated"}
    assert any(position.get("bad_debt", "0") != "0" for position in answer["positions"].values())
    gap = demo_contest.instant(demo_contest.START + 13 * demo_contest.HOUR)
    assert answer["leaderboard"][gap]["ranked"] == []
    assert {row["missing"] for row in answer["incomplete"] if row["at"] != gap} == {"BONK"}
    assert len(list(answer["leaderboard"].values())[-1]["ranked"]) == 48

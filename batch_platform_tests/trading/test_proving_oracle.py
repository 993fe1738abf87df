"""The oracle of contests: the worked example, and what was worked out by hand for each rule that is easy to miss."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from batch_platform.trading.proving import oracle
from batch_platform.trading.proving.oracle import BadLine, replay

DATA = Path(__file__).parent / "data"
TOKENS = (
    {"kind": "token", "token": "USDC", "decimals": 6},
    {"kind": "token", "token": "SOL", "decimals": 9, "perp_max_leverage": 20},
    {"kind": "token", "token": "jSOL", "decimals": 9},
    {"kind": "lst_pool", "base": "SOL", "lst": "jSOL", "exchange_rate": "1.25"},
)


def at(time: str, day: int = 9) -> str:
    return f"2026-11-{day:02}T{time}Z"


def tick(time: str, day: int = 9, **prices: str) -> Mapping[str, Any]:
    return {"kind": "tick", "at": at(time, day), "prices": prices}


def order(name: str, time: str, kind: str, day: int = 9, **fields: Any) -> Mapping[str, Any]:
    return {"kind": "order", "id": name, "user": "ann", "at": at(time, day), "order": kind, **fields}


def flow(time: str, kind: str = "initial", user: str = "ann", **amounts: str) -> Mapping[str, Any]:
    return {"kind": "flow", "user": user, "at": at(time), "flow": kind, "amounts": amounts}


def snapshot(time: str) -> Mapping[str, Any]:
    return {"kind": "snapshot", "at": at(time)}


def user(name: str = "ann", time: str = "00:00:00", **fields: str) -> Mapping[str, Any]:
    return {"kind": "user", "user": name, "at": at(time), **fields}


ANN = (user(), flow("00:00:00", SOL="10", USDC="1000"))


def played(*lines: Mapping[str, Any], until: str | None = None) -> dict[str, Any]:
    return replay(map(json.dumps, [*TOKENS, *lines]), until)


def test_the_worked_example_comes_out_to_the_last_digit() -> None:
    with (DATA / "example.jsonl").open() as lines:
        assert replay(lines) == json.loads((DATA / "example.expected.json").read_text())


def test_it_imports_nothing_of_the_platform() -> None:
    own = oracle.__name__
    for path in Path(oracle.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text())
        names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        others = {name.partition(".")[0] for name in names if name != own and not name.startswith(f"{own}.")}
        assert others <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("filled", "then"),
    [("00:30:00", {"status": "filled"}), ("00:30:01", {"status": "expired", "reason": "expired"})],
)
def test_the_1800th_second_still_fills(filled: str, then: dict[str, str]) -> None:
    lines = (order("s", "00:00:00", "swap", **{"from": "SOL", "to": "USDC", "amount": "2"}),)
    said = played(*ANN, *lines, tick(filled, SOL="100", USDC="1"))
    assert then.items() <= said["orders"]["s"].items()
    assert said["balances"]["ann"]["SOL"] == ("8" if then["status"] == "filled" else "10")


def test_a_tick_of_the_second_of_acceptance_fills_nothing_nor_one_that_holds_only_some_tokens() -> None:
    swap = order("s", "00:10:00", "swap", **{"from": "SOL", "to": "USDC", "amount": "2"})
    ticks = (tick("00:10:00", SOL="100", USDC="1"), tick("00:11:00", SOL="101"))
    assert played(*ANN, swap, *ticks)["orders"] == {"s": {"status": "pending"}}
    said = played(*ANN, swap, *ticks, tick("00:12:00", SOL="102", USDC="1"))
    assert said["orders"]["s"]["amount_out"] == "204"
    assert said["orders"]["s"]["filled_at"] == at("00:12:00")


def test_what_is_reserved_is_free_again_in_the_first_second_after_its_time() -> None:
    whole = {"from": "USDC", "to": "SOL", "amount": "1000"}
    lines = [*ANN, order("a", "00:00:00", "swap", **whole)]
    early = played(*lines, order("b", "00:30:00", "swap", **whole))["orders"]["b"]
    assert early == {"status": "rejected", "reason": "insufficient_balance"}
    late = played(*lines, order("b", "00:30:01", "swap", **whole))["orders"]
    assert late == {"a": {"status": "expired", "reason": "expired"}, "b": {"status": "pending"}}


def test_an_lst_is_priced_by_its_base_alone_with_the_rate_of_the_day() -> None:
    rate = {
        "kind": "interest_rate",
        "token": "SOL",
        "action": "liquid_staking",
        "rate": "36.5",
        "effective": "2026-11-01",
    }
    stake = order("l", "00:00:30", "liquid_stake", token="SOL", amount="10")
    swap = order("s", "23:59:59", "swap", **{"from": "jSOL", "to": "USDC", "amount": "8"})
    said = played(rate, *ANN, stake, swap, tick("00:00:00", day=10, SOL="100", USDC="1", jSOL="7"))
    assert said["orders"]["l"]["minted"] == "8"
    assert said["lst_rates"] == {"jSOL": "1.25125"}
    assert said["orders"]["s"]["amount_out"] == "1001"


def test_days_roll_with_time_and_the_start_day_counts() -> None:
    rate = {"kind": "interest_rate", "token": "SOL", "action": "staking", "rate": "36.5", "effective": "2026-11-01"}
    lines = (rate, *ANN, order("k", "23:59:59", "stake", token="SOL", amount="10"))
    assert played(*lines)["investments"]["k"]["accrued_interest"] == "0"
    said = played(*lines, order("u", "00:00:00", "unstake", day=10, investment="k"))
    assert said["orders"]["u"]["paid"] == "10.01"
    assert played(*lines, until=at("00:00:00", day=12))["investments"]["k"]["accrued_interest"] == "0.03"


def perp(*lines: Mapping[str, Any], direction: str = "long", leverage: int = 20) -> dict[str, Any]:
    """100 USDC in a position of SOL opened at 100."""
    opening = order(
        "p", "00:00:00", "perp_open", token="SOL", collateral="100", leverage=leverage, direction=direction
    )
    return played(*ANN, opening, tick("00:01:00", SOL="100", USDC="1"), *lines)


def test_liquidation_takes_equality_beats_a_close_and_returns_what_the_penalty_leaves() -> None:
    # 40·(100 + 20·(P − 100)) = 20·P at P = 97.4358…
    said = perp(order("c", "00:01:30", "perp_close", position="p"), tick("00:02:00", SOL="97", USDC="1"))
    assert said["positions"]["p"]["status"] == "liquidated"
    assert said["positions"]["p"]["equity"] == "40"
    assert said["positions"]["p"]["penalty"] == "29.1"
    assert said["positions"]["p"]["payout"] == "10.9"
    assert said["orders"]["c"] == {"status": "rejected", "reason": "position_liquidated"}
    assert said["balances"]["ann"]["USDC"] == "910.9"


@pytest.mark.parametrize(("price", "status"), [("95", "liquidated"), ("95.000000000000000001", "open")])
def test_equality_liquidates(price: str, status: str) -> None:
    """10 tokens bought at 97.5 for 48.75: 40·(48.75 + 10·(P − 97.5)) = 10·P at 95."""
    opening = order("p", "00:00:00", "perp_open", token="SOL", collateral="48.75", leverage=20, direction="long")
    ticks = (tick("00:01:00", SOL="97.5", USDC="1"), tick("00:02:00", SOL=price, USDC="1"))
    position = played(*ANN, opening, *ticks)["positions"]["p"]
    assert (position["quantity"], position["status"]) == ("10", status)
    assert position["liquidation_price_at_open"] == "95"


def test_bad_debt_is_told_and_nothing_returned() -> None:
    said = perp(tick("00:02:00", SOL="90.00000005", USDC="1"))["positions"]["p"]
    assert {"bad_debt": "99.999999", "payout": "0", "penalty": "0", "realized_pnl": "-100"}.items() <= said.items()


def test_a_position_is_not_liquidated_at_the_tick_that_opens_it() -> None:
    said = perp()
    assert said["positions"]["p"]["status"] == "open"


def test_funding_is_split_where_the_rate_changes_and_a_missing_tick_makes_a_longer_interval() -> None:
    rates = [
        {"kind": "funding_rate", "token": "SOL", "rate": rate, "at": at(time)}
        for rate, time in (("0.001", "00:02:00"), ("-0.002", "00:03:00"))
    ]
    said = perp(*rates, tick("00:02:30", USDC="1"), tick("00:04:00", SOL="110", USDC="1"))
    # 60 s before the first rate, 60 at 0.001, 60 at -0.002, all at 110; the long of 20 tokens is paid
    assert said["funding_index"] == {"SOL": "-6.6"}
    assert said["positions"]["p"]["funding"] == "0.004583333333333333"


def test_one_close_at_a_time() -> None:
    closes = [order(name, "00:02:00", "perp_close", position="p") for name in ("c", "d")]
    said = perp(*closes, tick("00:03:00", SOL="101", USDC="1"), order("e", "00:03:00", "perp_close", position="p"))
    assert said["orders"]["c"]["payout"] == "120"
    assert said["orders"]["d"] == {"status": "rejected", "reason": "close_pending"}
    assert said["orders"]["e"] == {"status": "rejected", "reason": "position_not_open"}


REFUSED = {
    "unknown_token": [
        ("swap", {"from": "SOL", "to": "DOGE", "amount": "0"}),
        ("perp_open", {"token": "USDC", "collateral": "1", "leverage": 99, "direction": "long"}),
        ("liquid_stake", {"token": "USDC", "amount": "1"}),
    ],
    "same_token": [("swap", {"from": "SOL", "to": "SOL", "amount": "-1"})],
    "leverage_out_of_range": [
        ("perp_open", {"token": "SOL", "collateral": "0", "leverage": 21, "direction": "long"}),
        ("perp_open", {"token": "SOL", "collateral": "1", "leverage": 0, "direction": "short"}),
    ],
    "invalid_amount": [
        ("swap", {"from": "USDC", "to": "SOL", "amount": "9999.0000001"}),
        ("stake", {"token": "SOL", "amount": "0"}),
        ("stake", {"token": "SOL", "amount": "1e1"}),
    ],
    "insufficient_balance": [
        ("stake", {"token": "SOL", "amount": "10.000000001"}),
        ("perp_open", {"token": "SOL", "collateral": "1000.000001", "leverage": 1, "direction": "long"}),
    ],
    "amount_too_small": [("liquid_stake", {"token": "SOL", "amount": "0.000000001"})],
    "position_not_open": [("perp_close", {"position": "none"})],
    "not_active": [("unstake", {"investment": "none"})],
}


@pytest.mark.parametrize("reason", REFUSED)
def test_orders_are_refused_for_the_first_reason_that_holds(reason: str) -> None:
    for kind, fields in REFUSED[reason]:
        said = played(*ANN, order("o", "00:01:00", kind, **fields))
        assert said["orders"] == {"o": {"status": "rejected", "reason": reason}}
        assert said["balances"] == {"ann": {"SOL": "10", "USDC": "1000"}}


def test_a_value_needs_good_prices_and_a_flow_the_first_tick_that_has_them() -> None:
    lines = (
        *ANN,
        tick("00:05:00", SOL="100"),
        tick("00:10:00", USDC="1"),
        snapshot("00:35:00"),
        snapshot("00:35:01"),
        flow("00:36:00", "deposit", USDC="1"),
        snapshot("00:36:00"),
    )
    said = played(*lines)
    assert said["baselines"] == {"ann": {"at": at("00:10:00"), "value_usd": "2000"}}
    assert [row["total_value_usd"] for row in said["snapshots"]] == ["2000"]
    assert [row["missing"] for row in said["incomplete"]] == ["SOL", "SOL,USDC"]
    assert said["leaderboard"][at("00:35:01")]["unranked"] == [{"user": "ann", "reason": "price_missing:SOL"}]


def test_ranks_are_shared_by_equals_and_nobody_without_a_baseline_has_one() -> None:
    others = [user("bob"), user("cid", status="disqualified"), user("dee"), user("eve"), user("fay")]
    grants = [flow("00:00:00", user=name, SOL="10", USDC="1000") for name in ("bob", "cid")]
    grants += [flow("00:00:00", user="dee", USDC="5000"), flow("00:00:00", user="eve")]
    ticks = (tick("00:00:00", SOL="100", USDC="1"), tick("00:10:00", SOL="99", USDC="1"), snapshot("00:10:00"))
    said = played(*ANN, *others, *grants, *ticks)
    board = said["leaderboard"][at("00:10:00")]
    assert [(row["rank"], row["user"]) for row in board["ranked"]] == [(1, "dee"), (2, "ann"), (2, "bob")]
    assert board["unranked"] == [{"user": name, "reason": "no_baseline"} for name in ("eve", "fay")]
    assert [row["user"] for row in said["snapshots"]] == ["ann", "bob", "cid", "dee", "eve"]


def test_lines_in_any_order_and_met_again_are_the_same_contest() -> None:
    lines = (DATA / "example.jsonl").read_text().splitlines()
    expected = json.loads((DATA / "example.expected.json").read_text())
    assert replay([*reversed(lines), *lines]) == expected


@pytest.mark.parametrize(
    "line",
    [
        {"kind": "token", "token": "USDC", "decimals": 7},
        {"kind": "coin"},
        flow("00:02:00", "correction", USDC="-1000.000001"),
        flow("00:02:00", "deposit", USDC="0.0000001"),
        flow("00:02:00", "deposit", user="nobody", USDC="1"),
        {"kind": "tick", "at": at("00:02:00"), "prices": {"SOL": 100}},
        {"kind": "snapshot", "at": "2026-11-09T00:02:00.5Z"},
    ],
    ids=["contradicting", "unknown", "overdrawn", "finer", "nobody", "number", "instant"],
)
def test_a_line_that_cannot_hold_stops_with_its_number(line: Mapping[str, Any]) -> None:
    with pytest.raises(BadLine) as stopped:
        played(*ANN, line)
    assert stopped.value.number == len(TOKENS) + len(ANN) + 1

"""Contests at random, and what holds for the oracle's answer to any of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batch_platform.trading.proving.oracle import replay
from batch_platform_tests.trading.contests import CASH, TINY, Line, Size, contest, contests, shuffled, written

FEW = settings(max_examples=15, deadline=None)


def said(lines: list[Line], until: str | None = None) -> dict[str, Any]:
    return replay(written(lines).splitlines(), until)


def orders(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line["kind"] == "order"]


def test_a_seed_is_one_contest() -> None:
    assert contest(Random(7)) == contest(Random(7)) != contest(Random(8))


def test_they_meet_every_reason_status_and_kind() -> None:
    met: Counter[str] = Counter()
    for seed in range(40):
        lines = contest(Random(seed), Size())
        answer = said(lines)
        met.update(order.get("reason", order["status"]) for order in answer["orders"].values())
        met.update(one["status"] for name in ("positions", "investments") for one in answer[name].values())
        met.update(order["order"] for order in orders(lines) if answer["orders"][order["id"]]["status"] == "filled")
        met["bad debt"] += sum(one.get("bad_debt", "0") != "0" for one in answer["positions"].values())
        met["incomplete"] += len(answer["incomplete"])
    reasons = "unknown_token same_token leverage_out_of_range invalid_amount insufficient_balance amount_too_small"
    reasons += " position_not_open close_pending not_active position_liquidated expired"
    kinds = "swap stake unstake liquid_stake perp_open perp_close"
    statuses = "filled pending open closed liquidated active withdrawn incomplete"
    assert {*reasons.split(), *kinds.split(), *statuses.split(), "bad debt"} <= {name for name in met if met[name]}


@FEW
@given(contests())
def test_nothing_is_made_or_lost(lines: list[Line]) -> None:
    """What each user holds at the end is what has flowed in and what filled orders have moved, never below 0."""
    answer = said(lines)
    held: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for line in lines:
        for token, text in line["amounts"].items() if line["kind"] == "flow" else ():
            held[line["user"], token] += Fraction(text)
    lst = {line["base"]: line["lst"] for line in lines if line["kind"] == "lst_pool"}
    for order in orders(lines):
        outcome, user = answer["orders"][order["id"]], order["user"]
        if outcome["status"] not in ("filled", "pending"):
            continue
        match order["order"]:
            case "swap":
                held[user, order["from"]] -= Fraction(order["amount"])
                held[user, order["to"]] += Fraction(outcome.get("amount_out", 0))
            case "stake" | "liquid_stake":
                held[user, order["token"]] -= Fraction(order["amount"])
                if order["order"] == "liquid_stake":
                    held[user, lst[order["token"]]] += Fraction(outcome["minted"])
            case "unstake":
                investment = answer["investments"][order["investment"]]
                held[user, investment["token"]] += Fraction(outcome["paid"])
                if investment["kind"] == "liquid_staking":
                    held[user, lst[investment["token"]]] -= Fraction(investment["minted"])
            case "perp_open":
                held[user, CASH] -= Fraction(order["collateral"]) + _open_fee(lines, order)
    names = {order["id"]: order["user"] for order in orders(lines)}
    for name, position in answer["positions"].items():
        held[names[name], CASH] += Fraction(position.get("payout", 0))
    wallets = {
        (user, token): Fraction(text) for user, one in answer["balances"].items() for token, text in one.items()
    }
    assert wallets == {key: amount for key, amount in held.items() if amount}
    assert all(amount > 0 for amount in wallets.values())


def _open_fee(lines: list[Line], order: Line) -> Fraction:
    bps = next((Fraction(line["perp_fee_bps"]) for line in lines if line["kind"] == "settings"), Fraction(0))
    notional = Fraction(order["collateral"]) * order["leverage"]
    return Fraction(-(-bps * notional * 100 // 1), 10**6)


@FEW
@given(contests(), st.randoms(use_true_random=False))
def test_the_order_of_lines_counts_only_within_a_second_and_a_line_only_once(
    lines: list[Line], random: Random
) -> None:
    assert said(shuffled(random, lines)) == said(lines)


@FEW
@given(contests())
def test_what_comes_later_changes_nothing_of_before(lines: list[Line]) -> None:
    whole = said(lines)
    middle = sorted(line["at"] for line in lines if "at" in line)[len(lines) // 2]
    half = said(lines, middle)
    for name in ("snapshots", "incomplete"):
        assert half[name] == [row for row in whole[name] if row["at"] <= middle]
    assert half["leaderboard"] == {at: board for at, board in whole["leaderboard"].items() if at <= middle}
    for name, order in half["orders"].items():
        assert order == whole["orders"][name] or order["status"] == "pending"


@FEW
@given(contests())
def test_pnl_is_a_chain(lines: list[Line]) -> None:
    answer = said(lines)
    summed: dict[str, Fraction] = defaultdict(Fraction)
    for row in answer["snapshots"]:
        summed[row["user"]] += Fraction(row["pnl_from_previous"])
        start = Fraction(answer["baselines"][row["user"]]["value_usd"])
        assert summed[row["user"]] == Fraction(row["pnl_from_start"])
        assert Fraction(row["total_value_usd"]) == start + summed[row["user"]] + Fraction(row["net_flows_usd"])


@FEW
@given(contests(Size(players=3, days=0.5, tokens=4, pools=0, orders=8, rough=0)))
def test_prices_of_another_unit_change_no_swap_and_scale_every_value(lines: list[Line]) -> None:
    lines = [line for line in lines if not line.get("order", "").startswith("perp")]
    scaled = [
        line | {"prices": {one: _times_ten(text) for one, text in line.get("prices", {}).items()}} for line in lines
    ]
    before, after = (
        said(lines),
        said([new if "prices" in old else old for old, new in zip(lines, scaled, strict=True)]),
    )
    assert before["orders"] == after["orders"]
    for row, ten in zip(before["snapshots"], after["snapshots"], strict=True):
        assert abs(10 * Fraction(row["total_value_usd"]) - Fraction(ten["total_value_usd"])) < Fraction(6, 10**8)


def _times_ten(text: str) -> str:
    whole, _, rest = text.partition(".")
    return f"{whole}{rest[:1] or '0'}.{rest[1:] or '0'}"


@FEW
@given(contests(Size(players=2, days=0.5, tokens=4, orders=4, gaps=0, shocks=0, partial=0)))
def test_a_long_and_a_short_of_the_same_are_worth_their_collaterals(lines: list[Line]) -> None:
    """What one gains the other loses, all but the last digit, to which funding is floored for both."""
    lines = [line for line in lines if not line.get("order", "").startswith("perp")]
    token = next(line["token"] for line in lines if "perp_max_leverage" in line)
    both = {"user": "both", "at": next(line["at"] for line in lines if line["kind"] == "tick")}
    opening = {"order": "perp_open", "token": token, "collateral": "7", "leverage": 1}
    lines += [
        {"kind": "user"} | both,
        {"kind": "flow"} | both | {"flow": "initial", "amounts": {CASH: "200"}},
        *({"kind": "order", "id": side} | both | opening | {"direction": side} for side in ("long", "short")),
    ]
    long, short = (said(lines)["positions"][side] for side in ("long", "short"))
    assert long["status"] == short["status"] == "open"
    assert -Fraction(1, 10**18) <= Fraction(long["equity"]) + Fraction(short["equity"]) - 14 <= 0


@pytest.mark.parametrize("days", [1, 3])
def test_the_size_is_that_which_was_ordered(days: int) -> None:
    lines = contest(
        Random(1), Size(players=4, days=days, tokens=6, pools=2, gaps=0, odd_ticks=0, odd_snapshots=0, rough=0)
    )
    kinds = Counter(line["kind"] for line in lines)
    assert (kinds["user"], kinds["token"], kinds["lst_pool"], kinds["order"]) == (4, 8, 2, 48)
    assert (kinds["tick"], kinds["snapshot"]) == (days * 144 + 1, days * 24)
    assert TINY.players == 3

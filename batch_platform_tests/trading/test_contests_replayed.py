"""What the engine makes of contests, against the worked example and the oracle, to the last digit."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.trading.contest import Event
from batch_platform.trading.proving import oracle
from batch_platform.trading.service import TradingContext, contests, play
from batch_platform_tests.trading.contests import Size, contest, shuffled, written

DATA = Path(__file__).parent / "data"


def replayed(trading: TradingContext, text: str) -> dict[str, Any]:
    return contests.replay(trading, text.encode().splitlines())


def test_the_worked_example_comes_out_as_it_was_computed_apart(trading: TradingContext) -> None:
    expected = json.loads((DATA / "example.expected.json").read_text())
    assert replayed(trading, (DATA / "example.jsonl").read_text()) == expected


@pytest.mark.parametrize("seed", range(6))
def test_contests_at_random_come_out_as_the_oracle_says(trading: TradingContext, seed: int) -> None:
    lines = written(contest(Random(seed), Size(days=1.2, odd_ticks=15, gaps=1)))
    assert replayed(trading, lines) == oracle.replay(lines.splitlines())


def test_a_stake_loses_no_more_than_itself(trading: TradingContext) -> None:
    """At -99 % a year it is gone within 369 days; then it pays nothing, and is worth nothing."""
    at, late = "2026-01-01T00:00:00Z", "2027-03-01T00:00:00Z"
    lines: list[dict[str, Any]] = [
        {"kind": "token", "token": "SOL", "decimals": 9},
        {"kind": "interest_rate", "token": "SOL", "action": "staking", "rate": "-99", "effective": "2026-01-01"},
        {"kind": "user", "user": "ann", "at": at},
        {"kind": "flow", "user": "ann", "at": at, "flow": "initial", "amounts": {"SOL": "5"}},
        {"kind": "tick", "at": at, "prices": {"SOL": "100"}},
        {
            "kind": "order",
            "id": "s",
            "user": "ann",
            "at": "2026-01-01T00:00:01Z",
            "order": "stake",
            "token": "SOL",
            "amount": "3",
        },
        {"kind": "tick", "at": late, "prices": {"SOL": "100"}},
        {"kind": "snapshot", "at": late},
        {
            "kind": "order",
            "id": "u",
            "user": "ann",
            "at": "2027-03-01T00:00:01Z",
            "order": "unstake",
            "investment": "s",
        },
    ]
    text = written(lines)
    answer = replayed(trading, text)
    assert answer == oracle.replay(text.splitlines())
    assert (answer["investments"]["s"]["paid"], answer["investments"]["s"]["accrued_interest"]) == ("0", "-3")
    assert answer["balances"] == {"ann": {"SOL": "2"}}
    assert [row["total_value_usd"] for row in answer["snapshots"]] == ["200"]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_players_handed_over_in_other_chunks_come_to_the_same(
    trading: TradingContext, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """All who act between two ticks go to the database together, or a few at a time."""
    text = written(contest(Random(5), Size(players=5, days=0.4)))
    whole = replayed(trading, text)
    gather = play._Player._gather

    def few(player: play._Player, user: str, event: Event) -> None:
        gather(player, user, event)
        if sum(map(len, player._rounds)) >= size:
            player._hand_over()

    monkeypatch.setattr(play._Player, "_gather", few)
    assert replayed(trading, text) == whole
    assert whole["snapshots"]


def test_players_in_any_order_give_the_same_board(trading: TradingContext) -> None:
    """Two are equal in all but their names, and all joined in the same second: the file's order is nobody's merit."""
    random = Random(3)
    lines = contest(random, Size(players=4, days=0.4))
    first = min(line["at"] for line in lines if line["kind"] == "user")
    people = [{"kind": "user", "user": line["user"], "at": first} for line in lines if line["kind"] == "user"]
    grant = {"kind": "flow", "at": first, "flow": "initial", "amounts": {"USDC": "700"}}
    twins = [{"kind": "user", "user": name, "at": first} for name in ("twin b", "twin a")]
    rest = [line for line in lines if line["kind"] != "user"]
    rest += [{**grant, "user": twin["user"]} for twin in twins]
    boards = []
    for _ in range(3):
        random.shuffle(people)
        twins.reverse()
        boards.append(replayed(trading, written([*twins, *people, *rest]))["leaderboard"])
    assert boards[0] == boards[1] == boards[2]
    *_, last = boards[0].values()
    ranks = {row["user"]: row["rank"] for row in last["ranked"]}
    assert ranks["twin a"] == ranks["twin b"]
    assert [row["user"] for row in last["ranked"] if row["user"].startswith("twin")] == ["twin a", "twin b"]


def test_lines_may_stand_in_any_order(trading: TradingContext) -> None:
    random = Random(11)
    lines = contest(random, Size(players=4, days=0.5))
    assert replayed(trading, written(shuffled(random, lines))) == oracle.replay(written(lines).splitlines())


def test_a_contest_is_loaded_once_and_as_it_is_replayed(trading: TradingContext) -> None:
    name = f"example-{uuid4().hex}"
    lines = (DATA / "example.jsonl").read_bytes().splitlines()
    assert contests.load(trading, lines, name=name, dry_run=True).snapshots == 81
    with trading.store.transaction() as session:
        assert session.campaign(name) is None
    first, again = (contests.load(trading, lines, name=name) for _ in range(2))
    assert (first.loaded, again.loaded) == (True, False)
    with trading.store.snapshot() as session:
        there = session.campaign(name)
        assert there is not None
        answer = contests.answered(session, there["campaign_no"])
    assert answer == json.loads((DATA / "example.expected.json").read_text())
    with pytest.raises(Conflict, match="holds another contest"):
        contests.load(trading, lines[:-1], name=name)


def test_of_two_loads_at_once_one_makes_the_campaign(trading: TradingContext) -> None:
    lines, name = (DATA / "example.jsonl").read_bytes().splitlines(), f"contest-{uuid4().hex}"

    def load(_: int) -> bool:
        return contests.load(trading, lines, name=name).loaded

    with ThreadPoolExecutor(3) as pool:
        assert sorted(pool.map(load, range(3))) == [False, False, True]


def test_collateral_and_fee_add_up_at_any_size(trading: TradingContext) -> None:
    collateral, left = "12345678901234.123456789012345678", "0.000000000000000001"
    lines = (
        '{"kind":"settings","perp_fee_bps":"10000"}',
        '{"kind":"token","token":"USDC","decimals":18}',
        '{"kind":"token","token":"SOL","decimals":9,"perp_max_leverage":2}',
        '{"kind":"user","user":"ann","at":"2026-11-09T00:00:00Z"}',
        '{"kind":"flow","user":"ann","at":"2026-11-09T00:00:00Z","flow":"initial","amounts":'
        '{"USDC":"24691357802468.246913789012345679"}}',
        '{"kind":"order","id":"p","user":"ann","at":"2026-11-09T00:00:01Z","order":"perp_open","token":"SOL",'
        f'"collateral":"{collateral}","leverage":1,"direction":"long"}}',
        '{"kind":"tick","at":"2026-11-09T00:10:00Z","prices":{"SOL":"100"}}',
    )
    answer = replayed(trading, "\n".join(lines))
    assert answer["positions"]["p"]["open_fee"] == "12345678901234.123457"
    assert answer["balances"] == {"ann": {"USDC": left}}


def test_more_cannot_flow_out_than_there_is(trading: TradingContext) -> None:
    lines = (DATA / "example.jsonl").read_text().splitlines()
    lines.append(
        '{"kind":"flow","user":"bob","at":"2026-11-09T00:00:01Z","flow":"correction","amounts":{"SOL":"-12.1"}}'
    )
    with pytest.raises(InvalidInput, match=rf"line {len(lines)}: more flows out than there is"):
        replayed(trading, "\n".join(lines))


def test_nobody_acts_before_he_is_there(trading: TradingContext) -> None:
    lines = (DATA / "example.jsonl").read_text().splitlines()
    lines.append(
        '{"kind":"order","id":"z","user":"cho","at":"2026-11-09T00:00:06Z","order":"unstake","investment":"c2"}'
    )
    with pytest.raises(InvalidInput, match=rf"line {len(lines)}: user: comes before its user does"):
        replayed(trading, "\n".join(lines))


def test_a_derived_price_that_rounds_to_nothing_is_none(trading: TradingContext) -> None:
    lines = (
        '{"kind":"token","token":"DUST","decimals":6}',
        '{"kind":"token","token":"jDUST","decimals":6}',
        '{"kind":"lst_pool","base":"DUST","lst":"jDUST","exchange_rate":"0.1"}',
        '{"kind":"user","user":"ann","at":"2026-11-09T00:00:00Z"}',
        '{"kind":"flow","user":"ann","at":"2026-11-09T00:00:00Z","flow":"initial","amounts":{"DUST":"5","jDUST":"2"}}',
        '{"kind":"tick","at":"2026-11-09T00:10:00Z","prices":{"DUST":"0.000000000000000001"}}',
        '{"kind":"tick","at":"2026-11-09T00:20:00Z","prices":{"DUST":"0.000000000000000009"}}',
        '{"kind":"snapshot","at":"2026-11-09T01:00:00Z"}',
    )
    answer = replayed(trading, "\n".join(lines))
    assert answer == oracle.replay(lines)
    assert answer["baselines"]["ann"]["at"] == "2026-11-09T00:20:00Z"


def test_what_waited_too_long_is_spent_again_between_two_ticks(trading: TradingContext) -> None:
    """Every second order is only possible with what the one before has given back."""
    lines = [
        '{"kind":"token","token":"USDC","decimals":6}',
        '{"kind":"token","token":"SOL","decimals":9,"perp_max_leverage":20}',
        '{"kind":"user","user":"ann","at":"2026-11-09T00:00:00Z"}',
        '{"kind":"flow","user":"ann","at":"2026-11-09T00:00:00Z","flow":"initial","amounts":{"SOL":"1","USDC":"50"}}',
        '{"kind":"tick","at":"2026-11-09T00:10:00Z","prices":{"SOL":"100","USDC":"1"}}',
    ]
    for number, at in enumerate(("00:20:00", "00:50:00", "00:50:01", "01:20:02", "01:50:04")):
        order = '{"kind":"order","id":"%s","user":"ann","at":"2026-11-09T%sZ","order":"swap","from":"SOL","to":"USDC"'
        lines.append(order % (number, at) + ',"amount":"1"}')
    lines.append('{"kind":"tick","at":"2026-11-09T02:00:00Z","prices":{"SOL":"100","USDC":"1"}}')
    answer = replayed(trading, "\n".join(lines))
    assert answer == oracle.replay(lines)
    statuses = [order["status"] for order in answer["orders"].values()]
    assert statuses == ["expired", "rejected", "expired", "expired", "filled"]

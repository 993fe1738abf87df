"""A campaign's facts as lines, and everything that is stored against what they come to."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from batch_platform.core.audit import Log
from batch_platform.core.failures import NotFound
from batch_platform.trading.service import TradingContext, contests, registration, retention, snapshots, ticks
from batch_platform.trading.service.export import export
from batch_platform.trading.service.verify import verify
from batch_platform_tests.trading.contests import TINY, contest, written
from batch_platform_tests.trading.live import START, Live, make_live

DATA = Path(__file__).parent / "data"
EXAMPLE = (DATA / "example.jsonl").read_text()

Load = Callable[[str], str]


def answer_of(trading: TradingContext, name: str) -> dict[str, Any]:
    with trading.store.snapshot() as session:
        return contests.answered(session, (session.campaign(name) or {})["campaign_no"])


@pytest.mark.parametrize("seed", range(3))
def test_what_is_exported_is_the_same_contest(trading: TradingContext, loaded: Load, seed: int) -> None:
    name = loaded(written(contest(Random(seed), TINY)))
    lines = export(trading, name)
    assert contests.replay(trading, lines) == answer_of(trading, name)
    assert export(trading, loaded(b"\n".join(lines).decode())) == lines
    assert verify(trading, name).differences == []


def test_the_example_stays_equal_when_it_is_thinned(trading: TradingContext, loaded: Load) -> None:
    name = loaded(EXAMPLE)
    for days in (50, 130):
        removed = retention.prune(trading, (START + timedelta(days=days)).date(), campaign=name).removed
        assert removed > 0
        assert verify(trading, name).is_equal


def test_a_last_line_that_leaves_nothing_is_still_the_end(trading: TradingContext, loaded: Load) -> None:
    last = {"kind": "tick", "at": "2026-11-11T00:00:01Z", "prices": {"jSOL": "1"}}
    name = loaded(f"{EXAMPLE}\n{json.dumps(last)}")
    assert contests.replay(trading, export(trading, name)) == answer_of(trading, name)
    assert verify(trading, name).is_equal


def play(live: Live) -> None:
    """A day of two players: every kind of order, one that waits at the end of it."""
    live.join("ann", "bob")
    for hour in range(26):
        live.clock.pass_by(minutes=50)
        live.tick({"SOL": str(160 - hour % 7), "USDC": "1", "WIF": "2"})
        live.clock.pass_by(minutes=10)
        snapshots.take(live.context, live.name, live.clock.now - timedelta(minutes=5))
        match hour:
            case 1:
                live.place("ann", "stake", token="SOL", amount="3")
                live.place("ann", "liquid_stake", token="SOL", amount="2")
                live.place("bob", "perp_open", token="SOL", collateral="400", leverage=20, direction="long")
            case 2 | 9:
                live.place("bob", "swap", **{"from": "USDC", "to": "WIF", "amount": "7"})
                live.tick()
            case 25:
                live.place("ann", "swap", **{"from": "SOL", "to": "USDC", "amount": "1"})


def test_a_live_campaign_is_equal_at_any_moment(trading: TradingContext) -> None:
    live = make_live(trading, swap_fee_bps="12.5")
    play(live)
    assert verify(live.context, live.name).differences == []
    live.clock.pass_by(hours=30)
    assert verify(live.context, live.name).differences == []
    assert contests.replay(trading, export(live.context, live.name)) == answer_of(trading, live.name)


def test_a_campaign_is_equal_after_its_end(trading: TradingContext) -> None:
    live = make_live(trading, ends_at=START + timedelta(hours=26, minutes=10))
    play(live)
    live.clock.pass_by(minutes=15)
    live.place("bob", "stake", token="SOL", amount="1")
    assert verify(live.context, live.name).differences == []
    live.clock.pass_by(days=2)
    live.place("ann", "stake", token="SOL", amount="1")
    assert verify(live.context, live.name).differences == []
    ticks.end(live.context, live.name)
    assert verify(live.context, live.name).differences == []


def test_an_older_funding_rate_leaves_the_first_day_where_it_was(trading: TradingContext) -> None:
    live = make_live(trading)
    with trading.store.transaction() as session:
        tokens = {
            row["symbol"]: row["token_no"] for row in session.tokens(session.campaign(live.name)["campaign_no"])
        }
        rates = [
            {
                "id": live.context.new_id(START),
                "token_no": tokens["SOL"],
                "rate": rate,
                "at": START + timedelta(days=day),
            }
            for day, rate in ((-9, "0.01"), (-4, "-0.0002"))
        ]
        session.add_funding_rates(rates)
    play(live)
    assert verify(live.context, live.name).differences == []


TAMPERED = {
    "balances": "user_balances SET balance = balance + 1 WHERE user_no = {ann} AND token_no = {sol}",
    "orders": "orders SET result = result + 1 WHERE id = 'c1' AND user_no = {cho}",
    "positions": "perp_positions SET payout = payout + 0.000001 WHERE id = 'a1' AND user_no = {ann}",
    "investments": "investments SET paid = paid - 1 WHERE id = 'c2' AND user_no = {cho}",
    "flows": "flows SET value_usd = value_usd + 1 WHERE user_no = {ann} AND NOT is_baseline",
    "users": "users SET baseline_usd = baseline_usd + 1 WHERE user_no = {bob}",
    "prices": "price_ticks SET j = j + 1 WHERE token_no = {sol} AND at = '2026-11-09T10:00Z'",
    "ticks": "ticks SET filled = filled + 1 WHERE campaign_no = {campaign} AND at = '2026-11-09T10:00Z'",
    "lst_rates": "lst_rates SET exchange_rate = 2 WHERE lst_token_no = {jsol} AND day = '2026-11-10'",
    "interest": "interest_index SET k = k + 1 WHERE token_no = {sol} AND day = '2026-11-10'",
    "postings": "postings SET wallet = wallet + 1, house = house - 1 WHERE user_no = {bob} AND token_no = {sol}",
    "snapshots": "portfolio_snapshots SET twr_factor = 2 WHERE user_no = {bob} AND timestamp = '2026-11-09T05:00Z'",
    "incomplete": "incomplete_snapshots SET missing = '{{SOL}}' WHERE campaign_no = {campaign}",
}
"""A change of one row of each table, by what it must be named."""


def test_whatever_is_changed_is_named(trading: TradingContext, loaded: Load) -> None:
    name = loaded(EXAMPLE)
    with trading.store.transaction() as session:
        number = (session.campaign(name) or {})["campaign_no"]
        people = "SELECT id, user_no FROM users WHERE campaign_no = %s"
        numbers = dict(session.connection.execute(people, [number]).fetchall())
        numbers |= {row["symbol"].lower(): row["token_no"] for row in session.tokens(number)}
        session.connection.execute("SET LOCAL trading.removing = on")
        nobody = "INSERT INTO incomplete_snapshots VALUES (%s, %s, '2026-11-09T07:00Z', '{USDC}')"
        session.connection.execute(nobody, [numbers["bob"], number])
        for change in TAMPERED.values():
            done = session.connection.execute(f"UPDATE {change.format(campaign=number, **numbers)}".encode())
            assert done.rowcount == 1, change
    found = verify(trading, name)
    named = {difference.what: (difference.expected, difference.found) for difference in found.differences}
    assert {what.split()[0] for what in named} == {*TAMPERED, "books"}
    assert named["balances ann SOL: balance"] == ("12", "13")
    assert named["books ann SOL: wallet"] == ("12", "13")
    assert named["incomplete bob 2026-11-09T07:00:00Z"] == (None, {"missing": ["SOL"]})
    assert named["snapshots bob 2026-11-09T05:00:00Z: twr_factor"][1] == "2"
    assert found.count == len(found.differences)


def test_a_row_that_is_gone_is_missed(trading: TradingContext, loaded: Load) -> None:
    name = loaded(EXAMPLE)
    with trading.store.transaction() as session:
        where = "WHERE timestamp = '2026-11-09T05:00Z' AND campaign_no = %s"
        number = (session.campaign(name) or {})["campaign_no"]
        assert session.connection.execute(f"DELETE FROM portfolio_snapshots {where}".encode(), [number]).rowcount == 3
    found = verify(trading, name)
    assert found.count == 3
    assert {difference.found for difference in found.differences} == {None}


def test_a_fact_that_nobody_could_have_brought_is_told(trading: TradingContext, loaded: Load) -> None:
    name = loaded(EXAMPLE)
    with trading.store.transaction() as session:
        number = (session.campaign(name) or {})["campaign_no"]
        change = """UPDATE flows SET amounts = '{"SOL": "-20"}' FROM users AS u
            WHERE u.user_no = flows.user_no AND u.campaign_no = %s AND flow = 'deposit'"""
        session.connection.execute(change.encode(), [number])
    [difference] = [one for one in verify(trading, name).differences if one.what.startswith("facts")]
    assert "more flows out than there is" in json.dumps(difference.found)


def test_a_campaign_that_there_is_not(trading: TradingContext) -> None:
    for look in (export, verify):
        with pytest.raises(NotFound, match="no campaign nowhere"):
            look(trading, "nowhere")


POOL = "\n".join(
    json.dumps(line)
    for line in (
        {"kind": "token", "token": "SOL", "decimals": 9},
        {"kind": "token", "token": "jSOL", "decimals": 9},
        {"kind": "lst_pool", "base": "SOL", "lst": "jSOL", "exchange_rate": "1.1"},
        {"kind": "interest_rate", "token": "SOL", "action": "liquid_staking", "rate": "6", "effective": "2026-01-01"},
    )
)


def test_a_contest_in_which_no_line_says_when_is_equal(trading: TradingContext, loaded: Load) -> None:
    assert verify(trading, loaded(POOL)).differences == []


def test_names_with_blanks_do_not_meet(trading: TradingContext, loaded: Load) -> None:
    at = "2026-11-09T00:00:00Z"
    lines: list[dict[str, Any]] = [
        *({"kind": "token", "token": token, "decimals": 6} for token in ("b c", "c")),
        *({"kind": "user", "user": user, "at": at} for user in ("a", "a b")),
        {"kind": "flow", "user": "a", "at": at, "flow": "initial", "amounts": {"b c": "1"}},
        {"kind": "flow", "user": "a b", "at": at, "flow": "initial", "amounts": {"c": "2"}},
    ]
    name = loaded("\n".join(map(json.dumps, lines)))
    assert verify(trading, name).differences == []
    with trading.store.transaction() as session:
        number = (session.campaign(name) or {})["campaign_no"]
        change = """UPDATE user_balances AS b SET balance = balance + 5 FROM users AS u
            WHERE u.user_no = b.user_no AND u.campaign_no = %s"""
        assert session.connection.execute(change.encode(), [number]).rowcount == 2
    found = [one.what for one in verify(trading, name).differences if one.what.startswith("balances")]
    assert found == ['balances a "b c": balance', 'balances "a b" c: balance']


def test_a_status_that_nobody_has_decided_is_named(trading: TradingContext) -> None:
    live = make_live(trading)
    play(live)
    by = Log(trading.pool, live.clock, "tests")
    for wallet in ("ann", "bob"):
        registration.set_status(live.context, live.name, wallet, "disqualified", reason="x", record=by.record)
    registration.set_status(live.context, live.name, "bob", "active", reason="x", record=by.record)
    assert verify(live.context, live.name).differences == []
    with trading.store.transaction() as session:
        number = (session.campaign(live.name) or {})["campaign_no"]
        ids = dict(
            session.connection.execute(b"SELECT wallet_address, id FROM users WHERE campaign_no = %s", [number])
        )
        change = "UPDATE users SET status = CASE status WHEN 'active' THEN 'disqualified' ELSE 'active' END"
        session.connection.execute(f"{change} WHERE campaign_no = %s".encode(), [number])
    found = {one.what: (one.expected, one.found) for one in verify(live.context, live.name).differences}
    assert found == {
        f"users {ids['ann']}: status": ("disqualified", "active"),
        f"users {ids['bob']}: status": ("active", "disqualified"),
    }


@pytest.mark.parametrize("moved", [timedelta(hours=1), timedelta(days=1)], ids=["no-midnight", "later"])
def test_an_instant_that_thinning_has_not_reached_is_named(trading: TradingContext, moved: timedelta) -> None:
    live = make_live(trading)
    live.join("ann")
    live.clock.pass_by(days=40)
    retention.prune(live.context, live.clock.now.date(), campaign=live.name)
    assert verify(live.context, live.name).differences == []
    with trading.store.transaction() as session:
        number = (session.campaign(live.name) or {})["campaign_no"]
        change = "UPDATE campaigns SET thinned_to = thinned_to + %s WHERE campaign_no = %s"
        session.connection.execute(change.encode(), [moved, number])
    assert [one.what for one in verify(live.context, live.name).differences] == ["campaign: thinned_to"]

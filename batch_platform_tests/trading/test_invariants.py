"""What must hold in a campaign, and how its checks find what does not."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Rollback

from batch_platform.trading.service import TradingContext, contests, engine, invariants, snapshots
from batch_platform_tests.trading.live import START, Live, make_live

EXAMPLE = Path(__file__).parent / "data" / "example.jsonl"
HOUR = START + timedelta(hours=1)


@pytest.fixture(scope="module")
def campaign(trading: TradingContext) -> Live:
    """An hour with a stake, a position, an order that waits, and funding."""
    live = make_live(trading)
    live.join("ann", "bob")
    live.clock.pass_by(seconds=10)
    live.tick()
    with live.context.store.transaction() as session:
        token = engine.campaign(session, live.name).tokens["SOL"]
        rates = [("0.0001", START + timedelta(minutes=1)), ("-0.0003", START + timedelta(minutes=25))]
        session.add_funding_rates(
            [{"id": str(uuid4()), "token_no": token.number, "rate": rate, "at": at} for rate, at in rates]
        )
    live.place("ann", "stake", token="SOL", amount="7")
    live.place("ann", "liquid_stake", token="SOL", amount="2")
    live.place("bob", "perp_open", token="SOL", collateral="100", leverage=5, direction="long")
    for price in ("161", "162.5", "159"):
        live.clock.pass_by(minutes=20)
        live.tick({"SOL": price, "USDC": "1"})
    live.place("bob", "swap", **{"from": "SOL", "to": "USDC", "amount": "1"})
    live.clock.pass_by(minutes=1)
    snapshots.take(live.context, live.name, HOUR)
    return live


def looked_at(live: Live) -> dict[str, list[str]]:
    every = [
        *invariants.ledger(live.context, live.name),
        *invariants.index(live.context, live.name, since=START, until=live.clock.now),
        invariants.valued(live.context, live.name, HOUR),
    ]
    return {invariant.name: list(invariant.differences) for invariant in every}


def test_all_hold_in_a_campaign_that_has_everything(campaign: Live) -> None:
    assert looked_at(campaign) == {name: [] for name in (*invariants.LEDGER, *invariants.INDEX, *invariants.VALUED)}


def test_all_hold_in_the_worked_example(trading: TradingContext) -> None:
    name = f"example-{uuid4().hex}"
    contests.load(trading, EXAMPLE.read_bytes().splitlines(), name=name)
    with trading.store.snapshot() as session:
        row = session.campaign(name)
        assert row is not None
        instants = {snapshot["at"] for snapshot in session.snapshots(row["campaign_no"])}
    since, until = min(instants) - timedelta(days=9), max(instants) + timedelta(days=9)
    every = [*invariants.ledger(trading, name), *invariants.index(trading, name, since=since, until=until)]
    every += [invariants.valued(trading, name, at) for at in sorted(instants)]
    assert [invariant for invariant in every if not invariant.holds] == []


LEDGER, NEGATIVE, INDEX, VALUED = "zero_sum", "no_negative_balance", "index_continuous", "everybody_valued"
TAMPERED = {
    "a balance": ("UPDATE user_balances SET balance = balance + 1 WHERE user_no = %(ann)s AND balance > 0", LEDGER),
    "a stake": ("UPDATE investments SET principal = 6 WHERE user_no = %(ann)s AND action_type = 'staking'", LEDGER),
    "a position": ("UPDATE perp_positions SET collateral = 99 WHERE user_no = %(bob)s", LEDGER),
    "an order": ("UPDATE orders SET reserved = 2 WHERE user_no = %(bob)s AND status = 'pending'", LEDGER),
    "a posting": ("DELETE FROM postings WHERE user_no = %(ann)s AND kind = 'stake'", LEDGER),
    "an index": (
        "UPDATE price_ticks SET j = j + 1 WHERE at = (SELECT max(at) FROM price_ticks WHERE token_no = %(sol)s)"
        " AND token_no = %(sol)s",
        INDEX,
    ),
    "a rate": ("UPDATE funding_rates SET rate = 0.0002 WHERE token_no = %(sol)s AND rate > 0", INDEX),
    "a snapshot": ("DELETE FROM portfolio_snapshots WHERE user_no = %(ann)s", VALUED),
    "both": (
        "INSERT INTO incomplete_snapshots SELECT user_no, campaign_no, timestamp, '{SOL}' FROM portfolio_snapshots"
        " WHERE user_no = %(ann)s",
        VALUED,
    ),
    "a debt": (
        "ALTER TABLE user_balances DROP CONSTRAINT user_balances_staked_check;"
        "UPDATE user_balances SET staked = staked - 99, balance = balance + 99 WHERE user_no = {ann} AND staked > 0",
        NEGATIVE,
    ),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_each_of_them_finds_what_was_tampered_with(campaign: Live, what: str) -> None:
    statement, check = TAMPERED[what]
    found: dict[str, list[Any]] = {}
    with campaign.context.store.transaction() as session:
        current = engine.campaign(session, campaign.name)
        number = current.number
        numbers: dict[str, int] = {"sol": current.tokens["SOL"].number}
        for wallet in ("ann", "bob"):
            player = session.player(number, wallet)
            assert player is not None
            numbers[wallet] = player["user_no"]
        session.connection.execute("SET LOCAL trading.removing = 'on'")
        if "{ann}" in statement:
            session.connection.execute(statement.format_map(numbers))
        else:
            assert session.connection.execute(statement, numbers).rowcount > 0
        books = session.unbalanced(number)
        found[NEGATIVE] = [row for row in books if row["account"] == "not below zero"]
        found[LEDGER] = [row for row in books if row not in found[NEGATIVE]]
        found[INDEX] = session.index_differences(number, START, campaign.clock.now)
        found[VALUED] = [counts for counts in [session.valued_counts(number, HOUR)] if counts["wrong"]]
        raise Rollback
    assert found[check]
    assert {name for name, rows in found.items() if rows} <= {check, LEDGER}


@pytest.mark.parametrize(
    ("what", "account"),
    [
        ("a stake", "staked by investments"),
        ("an order", "reserved by orders"),
        ("a debt", "not below zero"),
        ("half a posting", "sum with the house"),
    ],
    ids=lambda value: value.replace(" ", "-"),
)
def test_a_tick_looks_at_what_it_moved(campaign: Live, what: str, account: str) -> None:
    """Of others, and of an hour in which nothing was posted, it does not speak."""
    half = (
        "ALTER TABLE postings DROP CONSTRAINT postings_check;"
        "UPDATE postings SET house = house + 1 WHERE user_no = {ann} AND kind = 'stake'"
    )
    statement = half if what == "half a posting" else TAMPERED[what][0]
    assert all(one.holds for one in moved(campaign, START, campaign.clock.now))
    with campaign.context.store.transaction() as session:
        number = engine.campaign(session, campaign.name).number
        ann, bob = ((session.player(number, wallet) or {})["user_no"] for wallet in ("ann", "bob"))
        session.connection.execute("SET LOCAL trading.removing = 'on'")
        session.connection.execute(re.sub(r"%\((\w+)\)s", r"{\1}", statement).format(ann=ann, bob=bob).encode())
        rows = session.moved_books(number, START, campaign.clock.now + timedelta(seconds=1))
        later = session.moved_books(number, campaign.clock.now + timedelta(seconds=1), START + timedelta(days=9))
        raise Rollback
    assert {row["account"] for row in rows} >= {account}
    assert later == []


def moved(live: Live, since: datetime, until: datetime) -> list[invariants.Invariant]:
    return invariants.moved(live.context, live.name, since=since, until=until + timedelta(seconds=1))

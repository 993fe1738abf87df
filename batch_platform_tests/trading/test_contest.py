"""The lines of a contest: what is read, in which order it happens, and which line is named when one is bad."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch_platform.core.failures import InvalidInput
from batch_platform.trading.contest import Contest, read
from batch_platform.trading.instants import parse_instant
from batch_platform.trading.lines import PerpOpenLine, SwapLine, TickLine
from batch_platform.trading.model import Direction

AT = "2026-11-09T00:10:00Z"
LATER = "2026-11-09T00:20:00Z"
LAST = "2026-11-10T00:00:00Z"

SETTINGS = {"kind": "settings", "swap_fee_bps": "12.5", "perp_fee_bps": "4"}
USDC = {"kind": "token", "token": "USDC", "decimals": 6}
SOL = {"kind": "token", "token": "SOL", "decimals": 9, "perp_max_leverage": 13}
LST = {"kind": "token", "token": "jSOL", "decimals": 9}
POOL = {"kind": "lst_pool", "base": "SOL", "lst": "jSOL", "exchange_rate": "1.1"}
INTEREST = {
    "kind": "interest_rate",
    "token": "SOL",
    "action": "staking",
    "rate": "6.1",
    "effective": "2026-11-01",
}
FUNDING = {"kind": "funding_rate", "token": "SOL", "rate": "-0.00004", "at": AT}
ANN = {"kind": "user", "user": "ann", "at": AT}
BOB = {"kind": "user", "user": "bob", "at": LATER, "status": "disqualified"}
GRANT = {"kind": "flow", "user": "ann", "at": AT, "flow": "initial", "amounts": {"SOL": "12", "USDC": "-0.5"}}
TICK = {"kind": "tick", "at": AT, "prices": {"SOL": "162.511", "USDC": "0.9999"}}
SWAP = {
    "kind": "order",
    "id": "c1",
    "user": "ann",
    "at": AT,
    "order": "swap",
    "from": "SOL",
    "to": "USDC",
    "amount": "3.5",
}
OPEN = {
    "kind": "order",
    "id": "a1",
    "user": "ann",
    "at": LATER,
    "order": "perp_open",
    "token": "SOL",
    "collateral": "300",
    "leverage": 9,
    "direction": "long",
}
CLOSE = {"kind": "order", "id": "a2", "user": "ann", "at": LAST, "order": "perp_close", "position": "a1"}
STAKE = {**SWAP, "id": "s1", "order": "stake", "token": "SOL"}
STAKE = {name: value for name, value in STAKE.items() if name not in ("from", "to")}
UNSTAKE = {"kind": "order", "id": "s2", "user": "ann", "at": LAST, "order": "unstake", "investment": "s1"}
SNAPSHOT = {"kind": "snapshot", "at": AT}
ALL = [
    SETTINGS, USDC, SOL, LST, POOL, INTEREST, FUNDING, ANN, BOB, GRANT, TICK, SWAP, OPEN, CLOSE, STAKE, UNSTAKE,
    SNAPSHOT,
]  # fmt: skip
BASE = [USDC, SOL, LST, ANN]


def contest(*lines: Mapping[str, Any], until: str | None = None) -> Contest:
    cut = None if until is None else parse_instant(until)
    return read((json.dumps(line).encode() for line in lines), until=cut)


def refused(*lines: Mapping[str, Any] | bytes) -> str:
    with pytest.raises(InvalidInput) as refusal:
        read(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_everything_is_read():
    whole = contest(*ALL)
    assert whole.settings.swap_fee_bps == Decimal("12.5")
    assert {name: token.decimals for name, token in whole.tokens.items()} == {"USDC": 6, "SOL": 9, "jSOL": 9}
    assert whole.pools["SOL"].exchange_rate == Decimal("1.1")
    assert [rate.rate for rate in whole.interest_rates] == [Decimal("6.1")]
    assert [rate.rate for rate in whole.funding_rates] == [Decimal("-0.00004")]
    assert whole.users["bob"].status == "disqualified"
    assert (whole.start, whole.end) == (parse_instant(AT), datetime(2026, 11, 10, tzinfo=UTC))
    facts = [event.fact for event in whole.events]
    opening = next(fact for fact in facts if isinstance(fact, PerpOpenLine))
    assert (opening.collateral, opening.leverage, opening.direction) == ("300", 9, Direction.LONG)
    swap = next(fact for fact in facts if isinstance(fact, SwapLine))
    assert (swap.from_, swap.to, swap.amount) == ("SOL", "USDC", "3.5")


@given(st.permutations(ALL))
def test_any_order_of_lines_is_the_same_contest(lines):
    whole, shuffled = contest(*ALL), contest(*lines)
    assert {(type(event.fact), event.fact.at) for event in shuffled.events} == {
        (type(event.fact), event.fact.at) for event in whole.events
    }
    assert (shuffled.tokens, shuffled.users, shuffled.funding_rates) == (
        whole.tokens,
        whole.users,
        whole.funding_rates,
    )
    kinds = [type(event.fact).__name__ for event in shuffled.events if event.fact.at == parse_instant(AT)]
    assert kinds[:3] == ["UserLine", "FlowLine", "TickLine"]
    assert kinds[-1] == "SnapshotLine"
    orders = [event.number for event in shuffled.events[3:5]]
    assert orders == sorted(orders)


def test_nothing_is_a_contest_too():
    empty = contest()
    assert (empty.events, empty.start, empty.end, empty.settings.swap_fee_bps) == ((), None, None, 0)
    assert read([b"", b"  \n"]).events == ()


def test_a_line_met_again_is_passed_over():
    again = [dict(reversed(line.items())) for line in ALL]
    padded = {**SWAP, "amount": "3.500"}
    assert contest(*ALL, *again, padded).events == contest(*ALL).events


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        (SETTINGS, {**SETTINGS, "perp_fee_bps": "5"}, ""),
        (SOL, {**SOL, "decimals": 8}, ""),
        (POOL, {**POOL, "exchange_rate": "1.2"}, ""),
        (POOL, {**POOL, "base": "USDC"}, ""),
        (INTEREST, {**INTEREST, "rate": "6.2"}, ""),
        (FUNDING, {**FUNDING, "rate": "0"}, ""),
        (ANN, {**ANN, "at": LATER}, ""),
        (GRANT, {**GRANT, "amounts": {"SOL": "12"}}, ""),
        (TICK, {**TICK, "prices": {"USDC": "0.9999", "SOL": "1"}}, "prices.SOL: "),
        (SWAP, {**SWAP, "amount": "3.6"}, ""),
        (SWAP, {**UNSTAKE, "id": "c1"}, ""),
    ],
    ids=["settings", "token", "pool", "lst", "interest", "funding", "user", "flow", "tick", "order", "order-kind"],
)
def test_a_contradiction_stops_with_its_number(first, second, field):
    lines = [line for line in BASE if line["kind"] != first["kind"] or line["kind"] == "token"]
    lines = [line for line in lines if line != first]
    place = len(lines) + 1
    assert refused(*lines, first, second) == f"line {place + 1}: {field}says otherwise than line {place}"


def test_prices_of_one_moment_are_one_tick():
    apart = [{**TICK, "prices": {token: price}} for token, price in TICK["prices"].items()]
    assert [event.fact for event in contest(*BASE, *apart).events] == [
        event.fact for event in contest(*BASE, TICK).events
    ]


def test_an_lst_is_never_priced_from_outside():
    priced = {**TICK, "prices": {**TICK["prices"], "jSOL": "500"}}
    tick = next(event.fact for event in contest(*BASE, POOL, priced).events if isinstance(event.fact, TickLine))
    assert tick.prices == {"SOL": Decimal("162.511"), "USDC": Decimal("0.9999")}
    assert "jSOL" in contest(*BASE, priced).events[-1].fact.prices


def test_what_is_later_is_cut():
    cut = contest(*ALL, until=AT)
    assert cut.end == parse_instant(AT)
    assert max(event.fact.at for event in cut.events) == cut.end
    assert set(cut.users) == {"ann"}
    assert contest(*ALL, until="2026-12-01T00:00:00Z").end == parse_instant("2026-12-01T00:00:00Z")


@pytest.mark.parametrize("amount", ["", "abc", "0", "-1", "1e3", "NaN", "１", " 1"], ids=repr)
def test_an_amount_that_is_none_is_the_orders_own_affair(amount):
    lines = contest(*BASE, {**SWAP, "amount": amount}, {**OPEN, "collateral": amount, "leverage": -1, "token": "?"})
    asked = {type(event.fact).__name__: event.fact for event in lines.events}
    assert (asked["SwapLine"].amount, asked["PerpOpenLine"].collateral) == (amount, amount)
    assert (asked["PerpOpenLine"].leverage, asked["PerpOpenLine"].token) == (-1, "?")


BAD = {
    "empty-object": ({}, "kind: must be one of settings, token"),
    "kind": ({"kind": "trade"}, "kind: must be one of"),
    "kind-number": ({"kind": 1}, "kind: must be one of"),
    "order-kind": ({**SWAP, "order": "lend"}, "order: must be one of swap, stake, liquid_stake"),
    "no-json": (b'{"kind": ', "no JSON in UTF-8"),
    "no-utf8": (b'{"kind": "token\xff"}', "no JSON in UTF-8"),
    "nan": (b'{"kind": "token", "token": "A", "decimals": NaN}', "no JSON in UTF-8"),
    "huge-number": (b'{"kind": "token", "token": "A", "decimals": ' + b"9" * 5_000 + b"}", "no JSON in UTF-8"),
    "deep": (b"[" * 100_000, "no JSON in UTF-8"),
    "list": (b"[1]", "no JSON object"),
    "twice": (b'{"kind": "snapshot", "at": "%b", "at": "%b"}' % (AT.encode(), AT.encode()), "a field is there twice"),
    "new-line": ({"kind": "snapshot", "at": AT, "a\nb": 1}, "a name holds characters that cannot be printed"),
    "nul": ({**ANN, "user": "a\0"}, "user: must not hold a NUL or half a character"),
    "surrogate": ({**ANN, "user": "\ud800"}, "user: must not hold a NUL or half a character"),
    "no-name": ({**ANN, "user": ""}, "user: String should have at least 1 character"),
    "long-name": ({**LST, "token": "X" * 501}, "token: String should have at most 500 characters"),
    "long-id": ({**SWAP, "id": "x" * 501}, "id: String should have at most 500 characters"),
    "extra": ({**SNAPSHOT, "user": "ann"}, "user: Extra inputs are not permitted"),
    "missing": ({"kind": "snapshot"}, "at: Field required"),
    "decimals-19": ({**LST, "token": "X", "decimals": 19}, "decimals: Input should be less than or equal to 18"),
    "decimals-text": ({**LST, "token": "X", "decimals": "9"}, "decimals: Input should be a valid integer"),
    "decimals-true": ({**LST, "token": "X", "decimals": True}, "decimals: Input should be a valid integer"),
    "decimals-point": ({**LST, "token": "X", "decimals": 9.0}, "decimals: Input should be a valid integer"),
    "leverage": ({**LST, "token": "X", "perp_max_leverage": 0}, "perp_max_leverage: Input should be greater"),
    "leverage-high": ({**LST, "token": "X", "perp_max_leverage": 10**7}, "perp_max_leverage: Input should be less"),
    "instant": ({"kind": "snapshot", "at": "2026-11-09"}, "at: must be a moment written YYYY-MM-DDTHH:MM:SSZ"),
    "day": ({**INTEREST, "effective": "2026-13-01"}, "effective: a day is written YYYY-MM-DD"),
    "action": ({**INTEREST, "action": "lending"}, "action: Input should be 'staking' or 'liquid_staking'"),
    "fine-rate": ({**INTEREST, "rate": "6.123456"}, "rate: must have at most 5 decimals"),
    "funding-cap": ({**FUNDING, "rate": "0.33"}, "rate: must not be beyond 0.32 either way"),
    "bps": ({**SETTINGS, "swap_fee_bps": 25}, "swap_fee_bps: must be a number written as text"),
    "price": ({**TICK, "prices": {"SOL": "0"}}, "prices.SOL: must be above 0"),
    "price-number": ({**TICK, "prices": {"SOL": 162.5}}, "prices.SOL: must be a number written as text"),
    "price-null": ({**TICK, "prices": {"SOL": None}}, "prices.SOL: must be a number written as text"),
    "tick-token": ({**TICK, "prices": {"XYZ": "1"}}, "prices.XYZ: no line brings this token"),
    "amount-number": ({**SWAP, "amount": 3}, "amount: must be a number written as text"),
    "collateral-missing": ({name: OPEN[name] for name in OPEN if name != "collateral"}, "collateral: Field required"),
    "order-leverage": ({**OPEN, "leverage": "9"}, "leverage: Input should be a valid integer"),
    "direction": ({**OPEN, "direction": "up"}, "direction: Input should be 'long' or 'short'"),
    "order-user": ({**SWAP, "user": "eve"}, "user: no line brings this user"),
    "flow-user": ({**GRANT, "user": "eve"}, "user: no line brings this user"),
    "flow-token": ({**GRANT, "amounts": {"XYZ": "1"}}, "amounts.XYZ: no line brings this token"),
    "flow-fine": ({**GRANT, "amounts": {"USDC": "0.0000001"}}, "amounts.USDC: must have at most 6 decimals"),
    "flow-kind": ({**GRANT, "flow": "gift"}, "flow: Input should be 'initial', 'deposit' or 'correction'"),
    "pool-itself": ({**POOL, "lst": "SOL"}, "lst: must be another token than the base"),
    "pool-token": ({**POOL, "lst": "kSOL"}, "lst: no line brings this token"),
    "rate-token": ({**FUNDING, "token": "XYZ"}, "token: no line brings this token"),
}  # fmt: skip


@pytest.mark.parametrize(("line", "reason"), BAD.values(), ids=BAD)
def test_a_bad_line_is_named_with_its_field(line, reason):
    assert refused(*BASE, line).startswith(f"line {len(BASE) + 1}: {reason}")


def test_perpetuals_need_cash():
    assert refused(SOL, ANN) == "line 1: perp_max_leverage: perpetuals need the token USDC"
    assert contest(LST, ANN).tokens.keys() == {"jSOL"}

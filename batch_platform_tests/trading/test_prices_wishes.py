"""Fresh prices for those who wait: one worker asks, whoever comes late does no harm, and nothing waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
import structlog
from psycopg.types.json import Jsonb

from batch_platform.core.failures import NotFound, TransientFailure
from batch_platform.local.price_server.server import PriceServer
from batch_platform.settings import Settings
from batch_platform.trading.service import TradingContext, engine, wishes
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.prices import Outcome
from batch_platform.trading.store.listener import Listener
from batch_platform.trading.worker import Troubles
from batch_platform_tests.trading.live import START
from batch_platform_tests.trading.market import Traded, delayed, price_server, trade


@pytest.fixture(scope="module")
def server() -> Iterator[PriceServer]:
    with price_server() as server:
        yield server


@pytest.fixture
def traded(trading: TradingContext, server: PriceServer) -> Iterator[Traded]:
    with trade(trading, server) as traded:
        traded.live.join("ann", "bob")
        traded.live.clock.pass_by(seconds=10)
        traded.fetch()
        traded.live.clock.pass_by(minutes=1)
        yield traded


def swap(traded: Traded, wallet: str = "ann", sold: str = "SOL", bought: str = "USDC", amount: str = "1") -> Row:
    return traded.live.place(wallet, "swap", **{"from": sold, "to": bought, "amount": amount})


def fulfil(traded: Traded) -> Outcome | None:
    return wishes.fulfil(traded.context, traded.sources, traded.live.name)


def is_due(traded: Traded) -> bool:
    return any(task.is_wished for task in wishes.due(traded.context) if task.campaign == traded.live.name)


def wished(traded: Traded) -> list[str]:
    rows = traded.rows(
        "SELECT symbol FROM price_wishes JOIN tokens USING (token_no) WHERE campaign_no = %(no)s ORDER BY symbol"
    )
    return [row["symbol"] for row in rows]


def test_orders_that_come_together_share_a_tick_of_their_tokens(traded: Traded) -> None:
    orders = [swap(traded), swap(traded, "bob")]
    assert (wished(traded), is_due(traded)) == (["SOL", "USDC"], True)
    outcome = fulfil(traded)
    assert outcome is not None
    assert (outcome.accepted, outcome.filled) == (2, 2)
    assert [traded.order(order) for order in orders] == ["filled"] * 2
    assert (wished(traded), is_due(traded)) == ([], False)


def test_of_workers_that_come_at_once_one_asks(traded: Traded) -> None:
    order, asked = swap(traded), traded.market.requests["jupiter"]
    traded.spoil("delay", value=Decimal("0.2"))
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda _: fulfil(traded), range(6)))
    assert [outcome.filled for outcome in outcomes if outcome is not None and outcome.filled] == [1]
    assert traded.market.requests["jupiter"] == asked + 1
    assert traded.order(order) == "filled"


def test_a_worker_that_was_paused_beyond_its_time_does_no_harm(traded: Traded) -> None:
    first, second = swap(traded), None

    def meanwhile() -> None:
        nonlocal second
        assert fulfil(traded) is None
        traded.live.clock.pass_by(seconds=61)
        traded.cost(SOL="200")
        second = swap(traded, "bob")
        assert fulfil(traded) is not None
        assert traded.order(first) == traded.order(second) == "filled"

    before = len(traded.ticks())
    late = wishes.fulfil(traded.context, delayed(traded.sources, meanwhile), traded.live.name)
    assert late is not None
    assert (late.at, late.refused) == (None, {"late": 2})
    assert len(traded.ticks()) == before + 1
    assert traded.live.balances("ann")["USDC"] == traded.live.balances("bob")["USDC"] == "1100"


def test_a_flight_that_ends_too_late_ends_no_other(traded: Traded) -> None:
    swap(traded)
    started, paused = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        assert paused.wait(10)

    def end_the_first() -> None:
        paused.set()
        first.result()
        assert fulfil(traded) is None  # this one is still on its way

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(wishes.fulfil, traded.context, delayed(traded.sources, wait), traded.live.name)
        assert started.wait(10)
        traded.live.clock.pass_by(seconds=61)
        second = wishes.fulfil(traded.context, delayed(traded.sources, end_the_first), traded.live.name)
    assert second is not None


def test_a_token_that_is_not_given_is_asked_for_less_and_less(traded: Traded) -> None:
    traded.spoil("omit", "WIF")
    order = swap(traded, sold="USDC", bought="WIF")
    pauses = []
    for _ in range(8):
        assert fulfil(traded) is not None
        seconds = 0
        while not is_due(traded):
            traded.live.clock.pass_by(seconds=1)
            seconds += 1
        pauses.append(seconds)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    traded.market.faults = []
    fulfil(traded)
    assert (traded.order(order), wished(traded)) == ("filled", [])


def test_a_token_that_is_not_given_holds_up_nobody_else(traded: Traded) -> None:
    traded.spoil("omit", "WIF")
    swap(traded, sold="USDC", bought="WIF")
    for _ in range(6):
        fulfil(traded)
        traded.live.clock.pass_by(seconds=32)
    fulfil(traded)
    traded.live.clock.pass_by(seconds=1)
    order = swap(traded, "bob")
    assert is_due(traded)
    fulfil(traded)
    assert traded.order(order) == "filled"


def test_an_order_for_a_token_that_has_jumped_is_filled_once_both_its_tokens_share_a_tick(traded: Traded) -> None:
    order = swap(traded, sold="USDC", bought="WIF")
    traded.cost(WIF="30")
    with traded.context.store.transaction() as session:  # a second source that knows it
        session.connection.execute(
            "UPDATE tokens SET sources = %s WHERE symbol = 'WIF' AND campaign_no = %s",
            (Jsonb({"coingecko": "dogwifcoin"}), engine.campaign(session, traded.live.name).number),
        )
    outcome = fulfil(traded)
    assert outcome is not None
    assert (outcome.accepted, outcome.refused, traded.order(order)) == (2, {}, "pending")
    traded.live.clock.pass_by(seconds=2)
    assert is_due(traded)
    fulfil(traded)
    assert (traded.order(order), wished(traded)) == ("filled", [])


def test_a_failing_source_is_asked_again_and_the_last_order_filled(traded: Traded) -> None:
    order = swap(traded)
    traded.spoil("status", value=Decimal(500), times=2)
    for seconds in (1, 2):
        outcome = fulfil(traded)
        assert outcome is not None
        assert outcome.failed == "jupiter http_500"
        traded.live.clock.pass_by(seconds=seconds)
    fulfil(traded)
    assert traded.order(order) == "filled"


def test_orders_beyond_their_time_expire_and_their_wishes_with_them(traded: Traded) -> None:
    traded.spoil("omit", "SOL")
    order = swap(traded, amount="12")
    traded.live.clock.pass_by(seconds=1_800)
    [task] = [task for task in wishes.due(traded.context) if task.campaign == traded.live.name]
    assert not task.is_overdue
    traded.live.clock.pass_by(seconds=1)
    [task] = [task for task in wishes.due(traded.context) if task.campaign == traded.live.name]
    assert task.is_overdue
    wishes.work(traded.context, traded.sources, task)
    assert (traded.order(order), traded.live.balances("ann")["SOL"], wished(traded)) == ("expired", "12", [])
    assert wishes.expire(traded.context, traded.live.name) == 0


def test_at_its_end_what_is_overdue_has_expired_before_and_the_rest_then(traded: Traded) -> None:
    ends_at = START + timedelta(hours=1)
    traded.end(ends_at)
    orders = [swap(traded)]
    traded.live.clock.now = ends_at - timedelta(minutes=5)
    orders.append(swap(traded, "bob"))
    traded.live.clock.now = ends_at + timedelta(hours=1)
    for task in wishes.due(traded.context):
        wishes.work(traded.context, traded.sources, task)
    assert [traded.order(order) for order in orders] == ["expired"] * 2
    settled = traded.rows("SELECT settled_at FROM orders WHERE campaign_no = %(no)s ORDER BY order_no")
    assert [row["settled_at"] for row in settled] == [orders[0]["accepted_at"] + timedelta(seconds=1_801), ends_at]
    assert traded.live.name not in [task.campaign for task in wishes.due(traded.context)]


def test_a_look_wishes_what_the_player_holds_and_is_old(traded: Traded) -> None:
    traded.live.place("ann", "liquid_stake", token="SOL", amount="12")
    traded.live.clock.pass_by(seconds=30)
    traded.fetch("USDC")
    traded.cost(SOL="161")
    answer = wishes.refresh(traded.context, traded.live.name, "ann")
    assert answer.wished == ["SOL"]  # whose price is that of what was minted
    assert answer.tick_at == traded.ticks()[-1]["at"]
    ages = {price.symbol: (price.price_usd, price.age) for price in answer.prices}
    assert ages == {"SOL": ("160", timedelta(seconds=89)), "USDC": ("1", timedelta(0))}
    fulfil(traded)
    assert traded.newest()["SOL"] == "161"
    assert wishes.refresh(traded.context, traded.live.name, "ann").wished == []
    [row] = traded.rows("SELECT last_seen_at FROM users WHERE campaign_no = %(no)s AND wallet_address = 'ann'")
    assert row["last_seen_at"] == traded.live.clock()


def test_a_player_who_looks_too_often_is_answered_and_wishes_nothing(traded: Traded) -> None:
    def look(wallet: str) -> Any:
        return wishes.refresh(traded.context, traded.live.name, wallet)

    answers = [look("ann") for _ in range(wishes.REFRESHES.count + 1)]
    assert [answer.wished for answer in answers[-2:]] == [["SOL", "USDC"], []]
    assert [answer.wait for answer in answers[-2:]] == [None, timedelta(seconds=6)]
    assert len(answers[-1].prices) == 2
    assert look("bob").wished == ["SOL", "USDC"]
    with pytest.raises(NotFound, match="no player zoe"):
        look("zoe")


def test_what_moves_most_in_many_hands_is_asked_for_first(traded: Traded) -> None:
    for price in ("161", "190"):
        traded.cost(SOL=price)
        traded.live.clock.pass_by(seconds=40)
        traded.fetch()
    traded.live.clock.pass_by(seconds=40)
    traded.market.requests.clear()
    assert wishes.refresh(traded.context, traded.live.name, "ann").wished == ["SOL", "USDC"]
    swap(traded, "bob", sold="USDC", bought="WIF")
    with traded.context.store.transaction() as session:
        campaign = engine.campaign(session, traded.live.name)
        assert wishes._wished(session, campaign, traded.live.clock()) == ["USDC", "WIF", "SOL"]


def test_a_listener_hears_of_wishes_at_once_and_outlives_its_connection(traded: Traded, settings: Settings) -> None:
    with Listener(settings.database()) as listener:
        assert not listener.wait(0.01)
        swap(traded)
        assert listener.wait(10)
        with psycopg.connect(settings.database(), autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = %s",
                ("batch-platform trading prices",),
            )
        with pytest.raises(TransientFailure, match="PostgreSQL failed"):
            listener.wait(10)
        assert not listener.wait(0.01)
        swap(traded)
        assert listener.wait(10)


def test_trouble_is_told_once() -> None:
    with structlog.testing.capture_logs() as said:
        troubles = Troubles()
        for failed in ("jupiter http_500", "jupiter http_500", None, None, "jupiter timeout", "jupiter http_500"):
            troubles.saw("main", Outcome(failed=failed))
        troubles.saw("main", None)
    assert [(each["event"], each.get("reason")) for each in said] == [
        ("trading_prices_fail", "jupiter http_500"),
        ("trading_prices_work_again", None),
        ("trading_prices_fail", "jupiter timeout"),
        ("trading_prices_fail", "jupiter http_500"),
    ]

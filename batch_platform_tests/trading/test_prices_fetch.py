"""Looks at the sources over HTTP: what becomes a tick, what is refused, and what nothing follows from."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from batch_platform.core.failures import Conflict, NotFound
from batch_platform.local.price_server.faults import Fault
from batch_platform.local.price_server.server import PriceServer
from batch_platform.trading.service import TradingContext, prices, snapshots
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.prices import Outcome
from batch_platform_tests.trading.live import START
from batch_platform_tests.trading.market import Traded, delayed, price_server, trade


@pytest.fixture(scope="module")
def server() -> Iterator[PriceServer]:
    with price_server() as server:
        yield server


@pytest.fixture
def traded(trading: TradingContext, server: PriceServer) -> Iterator[Traded]:
    """ann holds what everybody starts with and a long on SOL; the last tick is a minute old."""
    with trade(trading, server) as traded:
        traded.live.join("ann")
        traded.live.clock.pass_by(seconds=10)
        traded.fetch()
        traded.live.place("ann", "perp_open", token="SOL", collateral="100", leverage=20, direction="long")
        traded.live.clock.pass_by(seconds=10)
        traded.fetch()
        traded.live.clock.pass_by(minutes=1)
        yield traded


def positions(traded: Traded) -> list[str]:
    query = "SELECT p.status FROM perp_positions AS p JOIN users USING (user_no) WHERE campaign_no = %(no)s"
    return [row["status"] for row in traded.rows(query)]


def snapshot(traded: Traded) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Whose portfolios could be valued a moment later, and whose not, for want of which tokens."""
    at = traded.live.clock() + timedelta(seconds=1)
    traded.live.clock.pass_by(seconds=2)
    snapshots.take(traded.context, traded.live.name, at)
    valued = traded.rows(
        "SELECT wallet_address FROM portfolio_snapshots AS s JOIN users USING (user_no) "
        "WHERE s.campaign_no = %(no)s AND timestamp = %(at)s ORDER BY 1",
        at=at,
    )
    missing = traded.rows(
        "SELECT wallet_address, missing FROM incomplete_snapshots AS s JOIN users USING (user_no) "
        "WHERE s.campaign_no = %(no)s AND at = %(at)s ORDER BY 1",
        at=at,
    )
    return [row["wallet_address"] for row in valued], [(row["wallet_address"], row["missing"]) for row in missing]


def test_what_is_accepted_is_a_tick(traded: Traded) -> None:
    order = traded.live.place("ann", "swap", **{"from": "SOL", "to": "USDC", "amount": "1"})
    traded.cost(SOL="150.000000000000000001")
    outcome = traded.fetch()
    assert outcome == Outcome(traded.ticks()[-1]["at"], 3, {}, 1, 1, None)
    assert outcome.at == traded.live.clock() + timedelta(seconds=1)
    assert traded.newest() == {
        "SOL": "150.000000000000000001",
        "USDC": "1",
        "WIF": "2",
        "jSOL": "165.000000000000000001",
    }
    assert (traded.order(order), positions(traded)) == ("filled", ["liquidated"])
    assert traded.fetches()[-1] == ("jupiter", 3, None)


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        ({"kind": "status", "value": 401}, "http_401"),
        ({"kind": "status", "value": 429}, "http_429"),
        ({"kind": "status", "value": 500}, "http_500"),
        ({"kind": "delay", "value": 1}, "timeout"),
        ({"kind": "v2"}, "shape"),
        ({"kind": "html"}, "not_json"),
        ({"kind": "truncated"}, "not_json"),
    ],
    ids=["401", "429", "500", "timeout", "v2", "html", "truncated"],
)
def test_nothing_follows_from_a_failed_answer(traded: Traded, fault: dict[str, Any], failed: str) -> None:
    order = traded.live.place("ann", "swap", **{"from": "SOL", "to": "USDC", "amount": "1"})
    traded.cost(SOL="1.6")
    before = (traded.ticks(), traded.newest())
    traded.market.faults = [Fault(**fault)]
    assert traded.fetch() == Outcome(failed=f"jupiter {failed}")
    assert (traded.ticks(), traded.newest()) == before
    assert (traded.order(order), positions(traded)) == ("pending", ["open"])
    assert (traded.fetches()[-1], traded.refusals()) == (("jupiter", 0, failed), [])
    assert snapshot(traded) == (["ann"], [])  # the prices before still count


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("omit", "omitted"),
        ("null", "omitted"),
        ("text", "shape"),
        ("nan", "not_a_number"),
        ("infinity", "not_a_number"),
        ("zero", "not_positive"),
        ("decimals", "decimals_mismatch"),
        ("jump", "jump"),
    ],
)
def test_a_refused_price_harms_nobody_but_holders(traded: Traded, kind: str, reason: str) -> None:
    traded.live.join("bob")
    order = traded.live.place("bob", "swap", **{"from": "SOL", "to": "USDC", "amount": "12"})
    traded.live.clock.pass_by(seconds=5)
    traded.fetch()
    assert traded.order(order) == "filled"
    traded.spoil(kind, "SOL")
    traded.cost(WIF="3")
    traded.live.clock.pass_by(seconds=1_801)
    outcome = traded.fetch()
    assert (outcome.accepted, outcome.refused, outcome.failed) == (2, {reason: 1}, None)
    assert (traded.newest()["SOL"], traded.newest()["WIF"]) == ("160", "3")
    assert traded.refusals() == [("SOL", reason)]
    assert positions(traded) == ["open"]
    assert snapshot(traded) == (["bob"], [("ann", ["SOL"])])


def test_a_jump_is_a_tick_of_its_own_once_a_second_source_confirms_it(traded: Traded) -> None:
    traded.cost(SOL="1600.1", WIF="3")
    outcome = traded.fetch()
    assert (outcome.accepted, outcome.refused) == (3, {})
    assert [tick["at"] for tick in traded.ticks()[-2:]] == [outcome.at, outcome.at + timedelta(seconds=1)]
    assert (traded.newest()["SOL"], traded.refusals()) == ("1600.1", [])


def test_a_jump_that_nobody_confirms_is_refused_and_not_shown_around_each_time(traded: Traded) -> None:
    traded.cost(SOL="1600.1")
    traded.market.faults = [Fault(kind="status", source=source) for source in ("coingecko", "binance")]
    assert traded.fetch().refused == {"jump": 1}
    assert traded.fetches()[-3:] == [("jupiter", 0, None), ("coingecko", 0, "http_503"), ("binance", 0, "http_503")]
    asked = dict(traded.market.requests)
    traded.market.faults = []
    assert traded.fetch().refused == {"jump": 1}
    assert {**traded.market.requests, "jupiter": 0} == {**asked, "jupiter": 0}
    traded.live.clock.pass_by(minutes=1)
    assert traded.fetch().refused == {}
    assert traded.newest()["SOL"] == "1600.1"


def test_an_administrator_accepts_a_true_jump(traded: Traded) -> None:
    audit: list[tuple[str, str, Any]] = []

    def accept(symbol: str = "SOL", **options: Any) -> Row:
        return prices.accept(
            traded.context,
            traded.live.name,
            symbol,
            record=lambda _, what, target, _before, after: audit.append((what, target, after["price_usd"])),
            **options,
        )

    with pytest.raises(NotFound, match="no price of SOL was refused for a jump"):
        accept()
    traded.cost(SOL="1600.1")
    traded.spoil("status", source="coingecko")
    traded.market.faults.append(Fault(kind="status", source="binance"))
    traded.fetch()
    with pytest.raises(Conflict, match=r"1600\.1"):
        accept(price=Decimal(1600))
    seen = prices.refused_jump(traded.context, traded.live.name, "SOL")
    assert (seen["at"], seen["former_usd"]) == (None, Decimal(160))
    done, again = accept(price=Decimal("1600.1")), accept()
    assert {**done, "former_usd": None} == again
    assert audit == [("trading-price.accept", "SOL", "1600.1")]
    assert (done["at"], traded.newest()["SOL"]) == (traded.ticks()[-1]["at"], "1600.1")
    traded.live.clock.pass_by(seconds=5)
    traded.cost(SOL="1599")
    assert traded.fetch().refused == {}
    with pytest.raises(Conflict, match="too old"):
        accept()


def test_an_answer_that_waited_is_late(traded: Traded) -> None:
    """A worker that was paused between the answer and its tick."""
    slow = delayed(traded.sources, lambda: traded.live.clock.pass_by(seconds=11))
    outcome = prices.fetch(traded.context, slow, traded.live.name)
    assert (outcome.at, outcome.refused) == (None, {"late": 3})
    assert sorted(traded.refusals()) == [("SOL", "late"), ("USDC", "late"), ("WIF", "late")]


def test_an_answer_that_was_overtaken_is_late(traded: Traded) -> None:
    def overtake() -> None:
        traded.live.clock.pass_by(seconds=1)
        traded.cost(SOL="170")
        traded.fetch("SOL")

    outcome = prices.fetch(traded.context, delayed(traded.sources, overtake), traded.live.name)
    assert (outcome.accepted, outcome.refused) == (2, {"late": 1})
    assert traded.newest()["SOL"] == "170"


def test_the_tick_of_ten_minutes_happens_once(traded: Traded) -> None:
    window = START + timedelta(minutes=10)

    def scheduled() -> Outcome:
        return prices.scheduled(traded.context, traded.sources, traded.live.name, window)

    with pytest.raises(Conflict, match="not due"):
        scheduled()
    traded.live.clock.now = window + timedelta(minutes=1)
    traded.spoil("status", times=1)
    assert scheduled() == Outcome(failed="jupiter http_503")  # tried again within its time
    traded.spoil("omit", "WIF")
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: scheduled(), range(4)))
    [tick] = traded.rows("SELECT * FROM ticks WHERE campaign_no = %(no)s AND window_at IS NOT NULL")
    assert tick["window_at"] == window
    assert outcomes == [Outcome(tick["at"], 2, {"omitted": 1})] * 4
    traded.live.clock.pass_by(hours=5)
    assert scheduled() == outcomes[0]


def test_ten_minutes_that_have_passed_stay_without_a_tick(traded: Traded) -> None:
    def scheduled(window_at: Any) -> Outcome:
        return prices.scheduled(traded.context, traded.sources, traded.live.name, window_at)

    window = START + timedelta(minutes=10)
    traded.live.clock.now = window + timedelta(minutes=10)
    assert scheduled(window) == Outcome(failed="missed")
    night = START + timedelta(hours=16, minutes=20)  # 01:20 in Tokyo, between quarters
    assert scheduled(night) == Outcome(failed="not_due")
    traded.live.clock.now = window + timedelta(minutes=19, seconds=59)  # the tick would have the next window's second
    assert scheduled(window + timedelta(minutes=10)) == Outcome(failed="missed")
    assert not traded.rows("SELECT * FROM ticks WHERE campaign_no = %(no)s AND window_at IS NOT NULL")


def test_nothing_is_asked_once_a_campaign_is_over(traded: Traded) -> None:
    traded.end()
    asked = traded.market.requests["jupiter"]
    assert traded.fetch() == Outcome(failed="over")
    assert traded.market.requests["jupiter"] == asked

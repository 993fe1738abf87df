"""Portfolios at any instant, against the snapshots of the engine, and the series that charts show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from pathlib import Path
from random import Random

import pytest

from batch_platform.core.failures import InvalidInput, NotFound
from batch_platform.trading import answer, series
from batch_platform.trading.series import Period
from batch_platform.trading.service import TradingContext, boards, history, listings
from batch_platform.trading.service.pnl import pnl
from batch_platform.trading.service.portfolio import portfolio, snapshot_details
from batch_platform_tests.trading.contests import TINY, contest, written
from batch_platform_tests.trading.live import START, Live, make_live

EXAMPLE = (Path(__file__).parent / "data" / "example.jsonl").read_text()

Load = Callable[[str], str]


@pytest.fixture(scope="module")
def example(loaded: Load) -> str:
    return loaded(EXAMPLE)


@pytest.fixture
def live(trading: TradingContext) -> Live:
    campaign = make_live(trading)
    campaign.join("ann")
    campaign.clock.pass_by(minutes=10)
    campaign.tick()
    return campaign


@pytest.mark.parametrize("seed", range(3))
def test_at_every_snapshot_a_portfolio_is_worth_what_that_says(
    trading: TradingContext, loaded: Load, seed: int
) -> None:
    campaign = loaded(written(contest(Random(seed), TINY)))
    rows = boards.snapshots(trading, campaign)
    assert rows
    for row in rows:
        seen = portfolio(trading, campaign, row["user"], at=row["at"])
        assert (seen.worth.total, seen.worth.missing) == (row["total_value_usd"], ())
        assert (seen.pnl_from_start, seen.pnl_percentage) == (row["pnl_from_start"], row["pnl_percentage"])
        assert seen.net_flows_usd == row["net_flows_usd"]
    with trading.store.snapshot() as session:
        number = (session.campaign(campaign) or {})["campaign_no"]
        gaps = session.incomplete(number)
    for row in gaps:
        seen = portfolio(trading, campaign, row["user"], at=row["at"])
        assert set(seen.worth.missing) <= set(row["missing"])
        assert seen.pnl_from_start is None


def test_a_loaded_contest_is_seen_as_of_its_end(trading: TradingContext, example: str) -> None:
    seen = portfolio(trading, example, "bob")
    assert seen.at == datetime(2026, 11, 10, 3, tzinfo=UTC)
    assert (str(seen.worth.total), str(seen.pnl_percentage)) == ("2829.15831203", "-0.73275018")
    [short] = answer.json_of(seen.worth.perp_positions)
    assert (short["direction"], short["price_age"], short["value_usd"]) == ("short", 0, "233.12651781")
    assert (short["funding"], short["equity"]) == ("-0.117249135046539407", "233.149832792073738781")
    assert short["liquidation_price"] == "168.358993041325251825"
    [receipt] = answer.json_of(portfolio(trading, example, "cho").worth.investments)
    assert (receipt["lst_token"], receipt["minted"], receipt["redeemable"]) == ("jSOL", "2.272727272", "2.500465752")


def test_a_past_portfolio_knows_nothing_of_what_came_later(trading: TradingContext, example: str) -> None:
    at = datetime(2026, 11, 9, 0, 15, tzinfo=UTC)
    details = snapshot_details(trading, example, "cho", at)
    sol = next(token for token in details["tokens"] if token["token"] == "SOL")
    assert (sol["balance"], sol["reserved"], sol["staked"]) == ("2.376543211", "3.123456789", "4")
    assert [stake["kind"] for stake in details["investments"]] == ["staking", "liquid_staking"]
    assert details["investments"][0]["accrued_interest"] == "0"
    later = snapshot_details(trading, example, "cho", at + timedelta(days=1))
    assert later["investments"][0]["accrued_interest"] == "0.000668493150684931"
    assert snapshot_details(trading, example, "ann", at)["perp_positions"] == []


def test_a_price_is_missing_once_it_is_too_old(live: Live) -> None:
    now = portfolio(live.context, live.name, "ann")
    assert (now.worth.total, now.pnl_from_start) == (D("2820"), D(0))
    live.clock.pass_by(minutes=30, seconds=1)
    assert portfolio(live.context, live.name, "ann").worth.missing == ()
    live.clock.pass_by(seconds=1)
    old = portfolio(live.context, live.name, "ann").worth
    assert (old.total, old.missing) == (None, ("SOL", "USDC"))
    assert [(token.price_usd, token.price_age, token.value_usd) for token in old.tokens] == [
        (D(160), 1_801, None),
        (D(1), 1_801, None),
    ]
    assert [token["is_good"] for token in listings.prices(live.context, live.name)] == [False, False, False]


def test_reserved_amounts_count_until_they_are_spent(live: Live) -> None:
    live.place("ann", "swap", **{"from": "SOL", "to": "USDC", "amount": "2"})
    [sol, _] = portfolio(live.context, live.name, "ann").worth.tokens
    assert (sol.balance, sol.reserved, sol.value_usd) == (D(10), D(2), D(1920))


@pytest.mark.parametrize("period", list(Period), ids=str)
def test_a_series_is_that_of_all_snapshots(trading: TradingContext, example: str, period: Period) -> None:
    rows = [row for row in boards.snapshots(trading, example) if row["user"] == "ann"]
    every = [series.Row(row["at"], row["total_value_usd"], row["net_flows_usd"]) for row in rows]
    for hours in (0, 9, 20):
        at = rows[-1]["at"] - timedelta(hours=hours, minutes=hours)
        shown = pnl(trading, example, "ann", period, at=at)
        assert shown.points == series.points(every, period, at)
    assert pnl(trading, example, "ann", period).points == series.points(every, period, rows[-1]["at"])


def test_without_a_snapshot_a_series_is_the_value_of_now(live: Live) -> None:
    [point] = pnl(live.context, live.name, "ann", Period.WEEK).points
    assert (point.value, point.pnl, point.percentage) == (D(2820), 0, 0)
    live.clock.pass_by(hours=1)
    assert pnl(live.context, live.name, "ann", Period.WEEK).points == []


def test_history_is_read_page_by_page(trading: TradingContext, example: str) -> None:
    def walk(read: Callable[..., history.Page], limit: int) -> list[str]:
        found, cursor = [], None
        while True:
            page = read(trading, example, "cho", limit=limit, cursor=cursor)
            found += [row["id"] for row in page.rows]
            cursor = page.cursor
            if cursor is None:
                assert page.total == len(found)
                return found

    assert walk(history.transactions, 2) == walk(history.transactions, 50)
    assert walk(history.orders, 1) == ["c5", "c4", "c3", "c2", "c1"]
    kinds = [row["transaction_type"] for row in history.transactions(trading, example, "cho").rows]
    assert kinds == ["unstake", "swap", "liquid_stake", "stake", "initial"]
    second = history.transactions(trading, example, "cho", limit=2, offset=1).rows
    assert [row["transaction_type"] for row in second] == kinds[1:3]
    assert [row["id"] for row in history.transactions(trading, example, "cho", kind="stake").rows] == ["c2"]
    [refused] = history.orders(trading, example, "cho", status="rejected").rows
    assert history.order(trading, example, refused["id"])["reason"] == "insufficient_balance"


def test_who_and_what_is_not_there_is_said(trading: TradingContext, example: str) -> None:
    with pytest.raises(NotFound, match="no campaign nowhere"):
        portfolio(trading, "nowhere", "ann")
    with pytest.raises(NotFound, match="no player zoe"):
        pnl(trading, example, "zoe", Period.DAY)
    with pytest.raises(NotFound, match="no order zz"):
        history.order(trading, example, "zz")
    with pytest.raises(InvalidInput, match="cursor"):
        history.orders(trading, example, "ann", cursor="abc")


def test_lists_of_what_is_traded(trading: TradingContext, example: str) -> None:
    assert [token["symbol"] for token in listings.tokens(trading, example)] == ["USDC", "SOL", "jSOL"]
    [sol] = listings.prices(trading, example, addresses=["SOL", "none"])
    assert (str(sol["price_usd"]), sol["price_age"], sol["source"]) == ("162.316585332", 0, "given")
    interest, funding = listings.rates(trading, example)
    assert [(rate["action"], str(rate["rate"])) for rate in interest] == [
        ("liquid_staking", "6.8"),
        ("staking", "6.1"),
    ]
    assert [str(rate["rate"]) for rate in funding] == ["0.000125", "-0.00004"]
    [pool] = listings.pools(trading, example)
    assert (str(pool["first_rate"]), str(pool["interest_rate"])) == ("1.1", "6.8")
    assert pool["exchange_rate"] > pool["first_rate"]
    campaign = next(row for row in listings.campaigns(trading) if row["name"] == example)
    assert (campaign["players"], campaign["last_at"]) == (3, START + timedelta(hours=27))

"""What people are told of prices, and that it ends by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from batch_platform.core.messages import from_plain
from batch_platform.local.price_server.server import PriceServer
from batch_platform.operations import alerts
from batch_platform.trading.alerts import RULES
from batch_platform.trading.service import TradingContext, funding
from batch_platform.web import i18n
from batch_platform_tests.trading.market import Traded, price_server, trade


@pytest.fixture(scope="module")
def server() -> Iterator[PriceServer]:
    with price_server() as server:
        yield server


@pytest.fixture
def traded(trading: TradingContext, server: PriceServer) -> Iterator[Traded]:
    """ann holds SOL and USDC, nobody WIF."""
    with trade(trading, server) as traded:
        traded.rows(
            "UPDATE tokens SET created_at = %(now)s WHERE campaign_no = %(no)s RETURNING 1", now=traded.live.clock()
        )
        traded.live.join("ann")
        traded.live.clock.pass_by(seconds=10)
        traded.fetch()
        yield traded


def told(traded: Traded, rule: str) -> dict[str, str]:
    """Open incidents of a rule, by what they are about in this campaign."""
    [judged] = [each for each in RULES if each.name == rule]
    alerts.judge(traded.context.pool, judged, now=traded.live.clock())
    rows = traded.rows(
        "SELECT subject, summary, summary_message FROM operations.incidents "
        "WHERE rule = %(rule)s AND resolved_at IS NULL",
        rule=rule,
    )
    name = f"{traded.live.name}/"
    with i18n.speaking(i18n.load(["batch_platform.web", "batch_platform.trading.web"])["ja"]):
        said = [i18n.translated(from_plain(row["summary_message"])) for row in rows]
    assert [text for text in said if re.search("[A-Za-z]+ [a-z]+", text.replace(name, ""))] == []
    return {row["subject"].removeprefix(name): row["summary"] for row in rows if row["subject"].startswith(name)}


def test_a_source_that_fails_for_half_an_hour(traded: Traded) -> None:
    traded.spoil("status", value=401)
    traded.live.clock.pass_by(minutes=10)
    traded.fetch()
    traded.live.clock.pass_by(minutes=29)
    traded.fetch()
    assert told(traded, "trading-source-failing") == {}
    traded.live.clock.pass_by(minutes=1)
    [(source, summary)] = told(traded, "trading-source-failing").items()
    assert source == "jupiter"
    assert "since 2026-11-09 00:10 UTC: status 401" in summary
    traded.market.faults = []
    traded.fetch()
    assert told(traded, "trading-source-failing") == {}


def test_a_token_that_somebody_holds_has_no_price_for_half_an_hour(traded: Traded) -> None:
    traded.spoil("omit", "SOL", "WIF")
    traded.live.clock.pass_by(minutes=30)
    traded.fetch()
    assert told(traded, "trading-price-missing") == {}
    traded.live.clock.pass_by(minutes=1)
    [(token, summary)] = told(traded, "trading-price-missing").items()
    assert token == "SOL"
    assert summary.endswith("since 2026-11-09 00:00 UTC: the last one of jupiter was refused (Not in the answer)")
    traded.market.faults = []
    traded.fetch()
    assert told(traded, "trading-price-missing") == {}


def test_a_token_that_stands_for_a_staked_one_needs_that_one_s_price(traded: Traded) -> None:
    traded.live.place("ann", "liquid_stake", token="SOL", amount="12")
    traded.live.clock.pass_by(minutes=31)
    traded.fetch("USDC")
    assert list(told(traded, "trading-price-missing")) == ["SOL"]


def test_funding_rates_that_are_refused_or_old(traded: Traded) -> None:
    traded.spoil("jump", "SOL", source="funding", value=100_000)
    funding.fetch(traded.context, traded.sources, traded.live.name)
    [summary] = told(traded, "trading-funding-refused").values()
    assert "was refused (Rate beyond the cap)" in summary
    assert told(traded, "trading-funding-old") == {}
    traded.live.clock.pass_by(hours=24)
    assert list(told(traded, "trading-funding-old")) == ["SOL"]
    traded.market.faults = []
    funding.fetch(traded.context, traded.sources, traded.live.name)
    assert told(traded, "trading-funding-refused") == told(traded, "trading-funding-old") == {}


def test_nobody_is_told_of_a_campaign_that_is_over(traded: Traded) -> None:
    traded.live.clock.pass_by(hours=25)
    assert list(told(traded, "trading-price-missing")) == ["SOL", "USDC"]
    traded.end()
    assert [told(traded, rule.name) for rule in RULES] == [{}] * len(RULES)

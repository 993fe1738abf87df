"""Funding rates from the source: once in eight hours, none that is missing or beyond the cap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from batch_platform.local.price_server.server import PriceServer
from batch_platform.trading.amounts import plain
from batch_platform.trading.service import TradingContext, funding
from batch_platform.trading.service.funding import FundingOutcome
from batch_platform_tests.trading.live import START
from batch_platform_tests.trading.market import MINTS, Traded, price_server, trade


@pytest.fixture(scope="module")
def server() -> Iterator[PriceServer]:
    with price_server() as server:
        yield server


@pytest.fixture
def traded(trading: TradingContext, server: PriceServer) -> Iterator[Traded]:
    with trade(trading, server) as traded:
        traded.live.clock.pass_by(seconds=10)
        yield traded


def fetch(traded: Traded) -> FundingOutcome:
    return funding.fetch(traded.context, traded.sources, traded.live.name)


def rates(traded: Traded) -> list[tuple[str, str]]:
    rows = traded.rows(
        "SELECT timestamp, rate FROM funding_rates JOIN tokens USING (token_no) WHERE campaign_no = %(no)s ORDER BY 1"
    )
    return [(f"{row['timestamp']:%H:%M:%S}", plain(row["rate"])) for row in rows]


def offered(traded: Traded) -> str:
    market = traded.market
    return plain(market.funding_rate(market.tokens[MINTS["SOL"]], traded.live.clock()))


def test_a_rate_is_of_eight_hours_and_a_second_run_adds_nothing(traded: Traded) -> None:
    first = offered(traded)
    assert fetch(traded) == FundingOutcome(traded.live.clock(), 1)
    assert fetch(traded) == FundingOutcome()
    traded.live.clock.now = START + timedelta(hours=8)
    assert fetch(traded).added == 1
    assert rates(traded) == [("00:00:10", first), ("08:00:00", offered(traded))]
    assert first != offered(traded)


def test_a_rate_holds_from_the_newest_tick_on_where_that_is_later(traded: Traded) -> None:
    traded.fetch()
    rate = offered(traded)
    assert fetch(traded).at == traded.live.clock() + timedelta(seconds=1)
    assert rates(traded) == [("00:00:11", rate)]
    traded.live.clock.pass_by(seconds=9)
    traded.cost(SOL="200")
    traded.fetch("SOL")
    [row] = traded.rows(
        "SELECT j FROM price_ticks JOIN tokens USING (token_no) WHERE campaign_no = %(no)s AND symbol = 'SOL' "
        "ORDER BY at DESC LIMIT 1"
    )
    assert row["j"] == traded.market.funding_rate(traded.market.tokens[MINTS["SOL"]], START) * 200 * 9


@pytest.mark.parametrize(
    ("kind", "reason", "value"),
    [("omit", "omitted", None), ("jump", "over_cap", 100_000), ("nan", "not_a_number", None)],
    ids=["omitted", "over the cap", "NaN"],
)
def test_a_rate_that_is_missing_or_beyond_the_cap_is_no_row(
    traded: Traded, kind: str, reason: str, value: int | None
) -> None:
    traded.spoil(kind, "SOL", source="funding", value=value)
    assert fetch(traded) == FundingOutcome(refused={"SOL": reason})
    assert (rates(traded), traded.refusals()) == ([], [("SOL", reason)])
    traded.market.faults = []
    assert fetch(traded).added == 1  # within the same eight hours


def test_a_source_that_fails_leaves_the_former_rate(traded: Traded) -> None:
    fetch(traded)
    before = rates(traded)
    traded.live.clock.pass_by(hours=8)
    traded.spoil("status", source="funding", value=418)
    assert funding.missing(traded.context, traded.live.name) == ["SOL"]
    assert fetch(traded) == FundingOutcome(failed="funding http_418")
    assert rates(traded) == before
    assert traded.fetches()[-1] == ("funding", 0, "http_418")


def test_nothing_is_asked_where_no_future_is_traded_any_more(traded: Traded) -> None:
    traded.end()
    assert fetch(traded) == FundingOutcome(failed="over")
    assert traded.market.requests["funding"] == 0

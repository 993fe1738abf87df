"""The price server: the same prices for the same seed and instant, and a clock and faults to try things out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from statistics import pstdev
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from batch_platform.core.failures import InvalidInput
from batch_platform.local.cli.services import app as services_app
from batch_platform.local.home import Home
from batch_platform.local.price_server import series, walk
from batch_platform.local.price_server.tokens import TOKENS
from batch_platform.local.state import State
from batch_platform.settings import Settings

SOL, USDC = (next(token.mint for token in TOKENS if token.symbol == name) for name in ("SOL", "USDC"))
AT = datetime(2026, 11, 9, 12, tzinfo=UTC)


@pytest.fixture
def url(services: dict[str, str]) -> Iterator[str]:
    """The session's price server, and afterwards as it was."""
    url = services["TRADING_JUPITER_URL"]
    yield url
    httpx.delete(f"{url}/control/faults")
    httpx.put(f"{url}/control/clock", json={"at": None})
    httpx.put(f"{url}/control/prices", json={"from": "walk", "seed": 1})
    httpx.put(f"{url}/control/pinned", json=dict.fromkeys(control("GET", url, "")["pinned"]))


def control(method: str, url: str, path: str, body: Any = None) -> Any:
    answer = httpx.request(method, f"{url}/control{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def price(url: str, mint: str = SOL) -> Any:
    return httpx.get(f"{url}/price/v3", params={"ids": mint}).json()[mint]["usdPrice"]


def prices(*arguments: str) -> Any:
    result = CliRunner().invoke(services_app, ["prices", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_jupiters_protocol(url: str) -> None:
    answer = httpx.get(f"{url}/price/v3", params={"ids": f"{SOL},{USDC},unknown"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json().keys() == {SOL, USDC}
    assert answer.json()[SOL].keys() >= {"usdPrice", "blockId", "decimals", "priceChange24h", "createdAt"}
    assert httpx.get(f"{url}/price/v3").status_code == 400
    assert httpx.get(f"{url}/price/v2", params={"ids": SOL}).status_code == 404


def test_a_standing_clock_gives_the_same_prices_and_an_advancing_one_others(url: str) -> None:
    control("PUT", url, "/clock", {"at": "2026-11-09T12:00:00Z", "running": False})
    first = price(url)
    assert [price(url) for _ in range(3)] == [first] * 3
    assert control("POST", url, "/clock/advance", {"seconds": 600})["at"] == "2026-11-09T12:10:00Z"
    assert price(url) != first
    control("POST", url, "/clock/advance", {"seconds": -600})
    assert price(url) == first
    control("PUT", url, "/prices", {"seed": 2})
    assert price(url) != first
    control("PUT", url, "/prices", {"seed": 1})
    assert price(url) == first


def test_the_walk_is_a_walk() -> None:
    """Its steps are independent and as large as said, at any distance; at the beginning is the first price."""
    for step in (1, 600, 86_400):
        at = [walk.BEGINNING + timedelta(seconds=step * n) for n in range(-200, 200)]
        stands = [walk.position(1, "SOL", moment) for moment in at]
        moves = [b - a for a, b in pairwise(stands)]
        assert 0.85 < pstdev(moves) / 10**12 / step**0.5 < 1.15
        together = sum(a * b for a, b in pairwise(moves)) / len(moves)
        assert abs(together) < 0.2 * pstdev(moves) ** 2
    volatility, first = Decimal("0.035"), Decimal(150)
    assert walk.price(1, "SOL", first=first, volatility=volatility, at=walk.BEGINNING) == first
    assert walk.price(1, "SOL", first=first, volatility=volatility, at=AT) == Decimal("93.3607816857")


def test_the_bundled_series_repeats(url: str) -> None:
    recorded = series.bundled()
    assert recorded.prices.keys() == {token.mint for token in TOKENS}
    control("PUT", url, "/prices", {"from": "series"})
    for days in (0, 2, -2):
        at = recorded.start + timedelta(days=days, minutes=10)
        control("PUT", url, "/clock", {"at": at.isoformat(), "running": False})
        assert Decimal(str(price(url))) == recorded.prices[SOL][1]


def test_a_series_of_ones_own_with_a_gap(url: str) -> None:
    """As of a contest: each tick as it was, and none where there was none."""
    start = datetime(2026, 11, 9, tzinfo=UTC)
    control("PUT", url, "/series", {"start": start.isoformat(), "step": 600, "prices": {SOL: ["100", None, "98.5"]}})
    told = []
    for minutes in (0, 9, 10, 20, 30):
        at = (start + timedelta(minutes=minutes)).isoformat()
        control("PUT", url, "/clock", {"at": at, "running": False})
        answer = httpx.get(f"{url}/price/v3", params={"ids": f"{SOL},{USDC}"}).json()
        assert USDC in answer  # of the walk
        told.append(answer.get(SOL, {}).get("usdPrice"))
    assert told == [100, 100, None, 98.5, 100]
    assert httpx.get(f"{url}/fapi/v1/premiumIndex").status_code == 200
    control("PUT", url, "/series", json.loads(series.bundled().model_dump_json()))


def test_what_cannot_be_is_refused_and_changes_nothing(url: str) -> None:
    before = control("GET", url, "")
    for method, path, body in (
        ("PUT", "/clock", {"at": "yesterday"}),
        ("PUT", "/prices", {"from": "elsewhere"}),
        ("PUT", "/pinned", {SOL: "-1"}),
        ("PUT", "/tokens", {SOL: {"decimals": 19}}),
        ("PUT", "/series", {"start": "2026-11-09T00:00:00Z", "step": 0, "prices": {}}),
        ("POST", "/faults", {"kind": "flood"}),
        ("POST", "/faults", {"kind": "omit", "times": 0}),
    ):
        assert httpx.request(method, f"{url}/control{path}", json=body).status_code == 422
    assert httpx.put(f"{url}/control/clock", content=b"{}").status_code == 415
    assert control("GET", url, "")["faults"] == before["faults"]
    assert control("GET", url, "")["tokens"].keys() == before["tokens"].keys()


def test_the_command_steers(url: str) -> None:
    standing = prices("--at", "2026-11-09T12:00:00Z", "--stand", "--pin", "SOL=123.45", "--from", "series")
    assert (standing["url"], standing["at"], standing["clock"]) == (url, "2026-11-09T12:00:00Z", "standing")
    assert price(url) == 123.45
    assert prices("--pin", "SOL=", "--advance", "600")["at"] == "2026-11-09T12:10:00Z"
    assert price(url) != 123.45
    faulty = prices("--fault", "status", "--value", "429", "--times", "1")
    assert faulty["faults"] == [{"kind": "status", "value": "429", "times": 1}]
    assert httpx.get(f"{url}/price/v3", params={"ids": SOL}).status_code == 429
    assert httpx.get(f"{url}/price/v3", params={"ids": SOL}).status_code == 200
    omitted = prices("--fault", "omit", "--token", "SOL", "--token", USDC)
    assert omitted["faults"] == [{"kind": "omit", "mints": [SOL, USDC]}]
    assert httpx.get(f"{url}/price/v3", params={"ids": SOL}).json() == {}
    assert prices("--clear", "--real")["clock"] == "real"
    shown = CliRunner().invoke(services_app, ["prices"], catch_exceptions=False).stdout
    assert SOL in shown
    with pytest.raises(InvalidInput, match="kind"):
        prices("--fault", "flood")


def test_trading_is_pointed_at_it(url: str, services: dict[str, str], settings: Settings) -> None:
    from batch_platform.trading.opening import open_sources
    from batch_platform.trading.settings import TradingSettings

    assert State.load(Home(settings.home)).services["prices"].url == url
    with open_sources(settings.of(TradingSettings)) as sources:
        fetched = sources.prices({SOL: 9, USDC: 6}, {})
    assert [fetched_price.mint for fetched_price in fetched.prices] == [SOL, USDC]

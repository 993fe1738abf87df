"""The real clients against the price server: each protocol, each fault, the buckets and the keys."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from batch_platform.core.failures import InvalidInput
from batch_platform.local.price_server.faults import Fault
from batch_platform.local.price_server.market import Clock, Market
from batch_platform.local.price_server.server import PriceServer
from batch_platform.local.price_server.tokens import TOKENS, Token
from batch_platform.settings import load_settings
from batch_platform.trading.acceptance import Accepted, Failed
from batch_platform.trading.opening import open_sources
from batch_platform.trading.settings import TradingSettings
from batch_platform.trading.sources import names
from batch_platform.trading.sources.buckets import ProcessBucket, shared
from batch_platform.trading.sources.endpoint import Endpoint
from batch_platform.trading.sources.fetch import Fetched, Sources
from batch_platform.trading.sources.jupiter import Jupiter

NOW = datetime(2026, 11, 9, 12, tzinfo=UTC)
SOL, USDC, WIF = (next(token.mint for token in TOKENS if token.symbol == name) for name in ("SOL", "USDC", "WIF"))
DECIMALS = {token.mint: token.decimals for token in TOKENS}


class Eager:
    """A bucket that never waits, and remembers."""

    def __init__(self) -> None:
        self.taken, self.held = 0, timedelta(0)

    def take(self, patience: timedelta) -> bool:
        self.taken += 1
        return True

    def hold(self, pause: timedelta) -> None:
        self.held = pause


class Silent(BaseHTTPRequestHandler):
    """Keeps the headers it was sent; with `drip` it answers a byte now and then, for ever."""

    def do_GET(self) -> None:
        self.server.headers.append(dict(self.headers))  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not self.server.stopped.wait(0.05):  # type: ignore[attr-defined]
            try:
                self.wfile.write(b" ")
            except OSError:
                return

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[PriceServer]:
    with PriceServer(0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def market(server: PriceServer) -> Market:
    """The server's market as new, its clock standing."""
    server.market.__dict__.update(vars(Market()))
    server.market.clock = Clock(lambda: NOW)
    return server.market


@pytest.fixture
def sources(server: PriceServer, market: Market) -> Iterator[Sources]:
    settings = pointing_at(server.url, TRADING_PYTH_KEY="bearer of Pyth")
    with open_sources(settings, clock=lambda: NOW, bucket=lambda *_: Eager()) as sources:
        yield sources


def pointing_at(url: str, **more: str) -> TradingSettings:
    fields = ("JUPITER", "COINGECKO", "BINANCE", "BINANCE_FUTURES", "PYTH")
    return TradingSettings.model_validate({**{f"TRADING_{name}_URL": url for name in fields}, **more})


def look(sources: Sources, *mints: str, last: dict[str, Decimal] | None = None) -> Fetched:
    tokens = {mint: DECIMALS.get(mint, 9) for mint in mints or DECIMALS}
    return sources.prices(tokens, last or {})


def test_every_token_has_a_price(sources: Sources, market: Market) -> None:
    fetched = look(sources)
    assert {price.mint: price.price for price in fetched.prices} == {
        mint: market.price(token, NOW) for mint, token in market.tokens.items()
    }
    assert {(price.source, price.observed_at) for price in fetched.prices} == {("jupiter", NOW)}
    assert (fetched.refused, fetched.failed) == ([], [])


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        (Fault(kind="status"), "http_503"),
        (Fault(kind="status", value=Decimal(401)), "http_401"),
        (Fault(kind="status", value=Decimal(429)), "http_429"),
        (Fault(kind="v2"), "shape"),
        (Fault(kind="html"), "not_json"),
        (Fault(kind="truncated"), "not_json"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.kind,
)
def test_a_failed_answer_says_why(sources: Sources, market: Market, fault: Fault, failed: str) -> None:
    market.faults.append(fault)
    fetched = look(sources, SOL, USDC)
    assert (fetched.prices, fetched.refused) == ([], [])
    assert [(each.mints, each.source, each.reason) for each in fetched.failed] == [((SOL, USDC), "jupiter", failed)]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("omit", "omitted"),
        ("null", "omitted"),
        ("text", "shape"),
        ("nan", "not_a_number"),
        ("infinity", "not_a_number"),
        ("decimals", "decimals_mismatch"),
        ("zero", "not_positive"),
        ("jump", "jump"),
    ],
)
def test_a_faulty_token_leaves_the_others_alone(sources: Sources, market: Market, kind: str, reason: str) -> None:
    market.faults.append(Fault(kind=kind, mints=[SOL], times=1))
    last = {mint: market.price(token, NOW) for mint, token in market.tokens.items()}
    fetched = look(sources, SOL, USDC, last=last)
    assert [price.mint for price in fetched.prices] == [USDC]
    assert [(each.mint, each.reason) for each in fetched.refused] == [(SOL, reason)]
    assert look(sources, SOL, USDC, last=last).refused == []  # once is once


@pytest.mark.parametrize("second", ["coingecko", "binance", "pyth"])
def test_a_true_jump_is_confirmed_by_any_second_source(sources: Sources, market: Market, second: str) -> None:
    last = {SOL: market.price(market.tokens[SOL], NOW)}
    market.pinned[SOL] = last[SOL] * 11
    for source in {"coingecko", "binance", "pyth"} - {second}:
        market.faults.append(Fault(kind="status", source=source))
    assert [price.price for price in look(sources, SOL, last=last).prices] == [last[SOL] * 11]
    market.faults.append(Fault(kind="zero", source=second))
    assert [each.reason for each in look(sources, SOL, last=last).refused] == ["jump"]


def test_a_later_source_fills_what_the_first_does_not_know(server: PriceServer, market: Market) -> None:
    settings = pointing_at(server.url, TRADING_PRICE_SOURCES="jupiter,coingecko")
    market.faults.append(Fault(kind="omit", mints=[SOL, WIF]))
    with open_sources(settings, clock=lambda: NOW, bucket=lambda *_: Eager()) as sources:
        fetched = look(sources, SOL, USDC, WIF)
    assert [(price.mint, price.source) for price in fetched.prices] == [(USDC, "jupiter"), (SOL, "coingecko")]
    assert [each.mint for each in fetched.refused] == [SOL, WIF]


def test_a_second_source_that_is_old_itself_confirms_nothing(server: PriceServer, market: Market) -> None:
    settings = pointing_at(server.url, TRADING_SECOND_SOURCES="coingecko")
    last = {SOL: market.price(market.tokens[SOL], NOW)}
    market.pinned[SOL] = last[SOL] * 11
    for seconds, confirmed in ((1800, True), (1801, False)):
        later = NOW + timedelta(seconds=seconds)
        with open_sources(settings, clock=lambda later=later: later, bucket=lambda *_: Eager()) as sources:
            assert bool(look(sources, SOL, last=last).prices) is confirmed


def test_a_token_may_bring_its_own_names(sources: Sources, market: Market) -> None:
    market.list_token("mint of mine", decimals=9, price=Decimal(5), coin="coin-of-mine", contract="MINEUSDT")
    mine = sources.calling({"coingecko": {"mint of mine": "coin-of-mine"}, "funding": {"mint of mine": "MINEUSDT"}})
    last = {"mint of mine": Decimal("0.01"), SOL: Decimal("0.01")}
    assert [each.reason for each in look(sources, "mint of mine", last=last).refused] == ["jump"]
    assert [each.mint for each in look(mine, "mint of mine", SOL, last=last).prices] == ["mint of mine", SOL]
    rates = mine.funding_rates([SOL, "mint of mine"])
    assert isinstance(rates, Accepted)
    assert rates.rows.keys() == {SOL, "mint of mine"}


def test_at_most_fifty_tokens_are_asked_for_at_once(sources: Sources, market: Market) -> None:
    for number in range(101):
        market.list_token(f"mint{number}", decimals=9, price=Decimal(number + 1))
    assert len(look(sources, *(f"mint{number}" for number in range(101))).prices) == 101
    assert market.requests["jupiter"] == 3


def test_funding_rates(sources: Sources, market: Market) -> None:
    rates = sources.funding_rates([SOL, USDC])
    assert isinstance(rates, Accepted)
    assert rates.rows == {SOL: market.funding_rate(market.tokens[SOL], NOW)}
    assert rates.refused == {USDC: "omitted"}
    for kind, value, reason in (
        ("omit", None, "omitted"),
        ("jump", 100_000, "over_cap"),
        ("nan", None, "not_a_number"),
    ):
        market.faults = [Fault(kind=kind, source="funding", mints=[SOL], value=value)]
        rates = sources.funding_rates([SOL])
        assert isinstance(rates, Accepted)
        assert (rates.rows, rates.refused) == ({}, {SOL: reason})
    market.faults = [Fault(kind="status", source="funding", value=Decimal(418))]
    assert sources.funding_rates([SOL]) == Failed("http_418")


def endpoint(url: str, bucket: Eager | ProcessBucket | None = None, seconds: float = 0.3) -> Endpoint:
    timeout = timedelta(seconds=seconds)
    return Endpoint(url, bucket=bucket or Eager(), clock=lambda: NOW, timeout=timeout, patience=timedelta(seconds=1))


def test_a_server_that_is_silent_or_slow_or_gone(server: PriceServer, market: Market) -> None:
    market.faults.append(Fault(kind="delay", value=Decimal("0.6"), times=1))
    assert endpoint(server.url).get("/price/v3", {"ids": SOL}) == Failed("timeout")
    assert endpoint("http://127.0.0.1:1").get("/price/v3", {"ids": SOL}) == Failed("connection")


def test_an_answer_that_never_ends_and_the_keys_it_was_asked_with() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Silent) as drip:
        drip.headers, drip.stopped = [], threading.Event()  # type: ignore[attr-defined]
        drip.daemon_threads = True
        threading.Thread(target=drip.serve_forever, args=(0.01,), daemon=True).start()
        settings = pointing_at(
            f"http://127.0.0.1:{drip.server_port}",
            TRADING_JUPITER_KEY="secret of Jupiter",
            TRADING_COINGECKO_KEY="secret of CoinGecko",
            TRADING_PYTH_KEY="secret of Pyth",
            TRADING_SOURCE_TIMEOUT="0.2",
        )
        with open_sources(settings, bucket=lambda *_: Eager()) as sources:
            for source in (*sources.first, *sources.second):
                assert [batch.answer for batch in source.batches([SOL])] == [Failed("timeout")]
            assert "secret" not in repr(sources)
        drip.stopped.set()  # type: ignore[attr-defined]
        drip.shutdown()
    sent = [{name.lower(): value for name, value in each.items()} for each in drip.headers]  # type: ignore[attr-defined]
    assert [each.get("x-api-key") for each in sent] == ["secret of Jupiter", None, None, None]
    assert [each.get("x-cg-demo-api-key") for each in sent] == [None, "secret of CoinGecko", None, None]
    assert [each.get("authorization") for each in sent] == [None, None, None, "Bearer secret of Pyth"]
    assert "secret" not in repr(settings)
    assert "secret" not in repr(settings.accounts())


def test_a_source_that_has_enough_is_left_alone(server: PriceServer, market: Market) -> None:
    market.faults.append(Fault(kind="status", value=Decimal(429), times=1))
    bucket = Eager()
    [batch] = Jupiter(endpoint(server.url, bucket)).batches([SOL])
    assert batch.answer.status == 429
    assert bucket.held == timedelta(seconds=1)  # as Retry-After says


def test_a_bucket_spaces_requests_and_gives_up_in_time() -> None:
    clock = [0]
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock[0] += round(seconds * 10**9)

    bucket = ProcessBucket(Decimal("0.5"), monotonic_ns=lambda: clock[0], sleep=sleep)
    assert [bucket.take(timedelta(seconds=10)) for _ in range(3)] == [True] * 3
    assert waited == [2, 2]
    assert not bucket.take(timedelta(seconds=1))
    bucket.hold(timedelta(seconds=60))
    assert not bucket.take(timedelta(seconds=59))
    assert bucket.take(timedelta(seconds=60))
    assert shared("jupiter", "http://a", Decimal(1)) is shared("jupiter", "http://a", Decimal(1))


def test_threads_share_one_bucket() -> None:
    turns: list[float] = []
    bucket = ProcessBucket(Decimal(1000), monotonic_ns=lambda: 0, sleep=turns.append)
    threads = [threading.Thread(target=bucket.take, args=(timedelta(seconds=1),)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turns) == [number / 1000 for number in range(1, 20)]


def test_a_bucket_that_is_empty_asks_nobody(server: PriceServer, market: Market) -> None:
    bucket = ProcessBucket(Decimal("0.001"))
    asked = endpoint(server.url, bucket)
    assert not isinstance(asked.get("/price/v3", {"ids": SOL}), Failed)
    assert asked.get("/price/v3", {"ids": SOL}) == Failed("busy")
    assert market.requests["jupiter"] == 1


def test_settings_of_the_sources(clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = TradingSettings.model_validate({})
    assert {account.name: str(account.rate) for account in plain.accounts()}["jupiter"] == "0.5"
    keyed = TradingSettings.model_validate(
        {"TRADING_JUPITER_KEY": "k", "TRADING_BINANCE_PAIRS": "M=SOLUSDT, N=BTCUSDT"}
    )
    assert {account.name: str(account.rate) for account in keyed.accounts()}["jupiter"] == "1"
    assert keyed.binance_pairs == {"M": "SOLUSDT", "N": "BTCUSDT"}
    for name, value in (
        ("TRADING_JUPITER_URL", "ftp://secret@example.com"),
        ("TRADING_JUPITER_RATE", "0"),
        ("TRADING_COINGECKO_COINS", "SOL"),
        ("TRADING_PRICE_SOURCES", "kraken"),
        ("TRADING_PRICE_SOURCES", "pyth"),
    ):
        monkeypatch.setenv(name, value)
        with pytest.raises(InvalidInput, match=name) as refused:
            load_settings(TradingSettings)
        assert "secret" not in str(refused.value)
        monkeypatch.delenv(name)


def test_the_price_server_knows_the_names_that_settings_have() -> None:
    by_mint: dict[str, Token] = {token.mint: token for token in TOKENS}
    for known, field in (
        (names.COINGECKO, "coin"),
        (names.BINANCE, "pair"),
        (names.FUNDING, "contract"),
        (names.PYTH, "feed"),
    ):
        assert {mint: getattr(by_mint[mint], field) for mint in known} == known
    assert json.dumps(sorted(DECIMALS)) == json.dumps(sorted(by_mint))

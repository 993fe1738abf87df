"""A price server of a test's own, and a live campaign whose tokens are traded there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from batch_platform.local.price_server import market as price_market
from batch_platform.local.price_server.faults import Fault
from batch_platform.local.price_server.market import Market
from batch_platform.local.price_server.server import PriceServer
from batch_platform.local.price_server.tokens import TOKENS
from batch_platform.trading.opening import open_sources
from batch_platform.trading.service import TradingContext, engine, prices
from batch_platform.trading.service.engine import Row
from batch_platform.trading.service.prices import Outcome
from batch_platform.trading.settings import TradingSettings
from batch_platform.trading.sources.buckets import BucketOf
from batch_platform.trading.sources.fetch import Fetched, Sources
from batch_platform_tests.trading.live import Clock, Live, make_live

MINTS = {token.symbol: token.mint for token in TOKENS}


class Open:
    """A bucket that never waits."""

    def take(self, patience: timedelta) -> bool:
        return True

    def hold(self, pause: timedelta) -> None:
        """Nobody waits for it."""


@dataclass
class Traded:
    """A live campaign, what its tokens cost, and the sources that say so; all by the campaign's clock."""

    live: Live
    market: Market
    sources: Sources

    @property
    def context(self) -> TradingContext:
        return self.live.context

    def cost(self, **by_symbol: str) -> None:
        """Hold these prices."""
        self.market.pinned |= {MINTS[symbol]: Decimal(price) for symbol, price in by_symbol.items()}

    def spoil(self, kind: str, *symbols: str, **more: Any) -> None:
        """Nothing but this is wrong with the answers."""
        self.market.faults = [Fault(kind=kind, mints=[MINTS[each] for each in symbols], **more)]

    def fetch(self, *symbols: str, **options: Any) -> Outcome:
        return prices.fetch(self.context, self.sources, self.live.name, symbols or None, **options)

    def end(self, at: datetime | None = None) -> None:
        """The campaign ends then, or now."""
        with self.context.store.transaction() as session:
            session.end_campaign(engine.campaign(session, self.live.name).number, at or self.live.clock())

    def newest(self) -> dict[str, str]:
        """The newest accepted price of each token."""
        rows = self.rows("SELECT symbol, price_usd FROM token_prices WHERE campaign_no = %(no)s ORDER BY symbol")
        return {row["symbol"]: f"{row['price_usd'].normalize():f}" for row in rows}

    def refusals(self) -> list[tuple[str, str]]:
        """Refused prices, token and reason, in order."""
        rows = self.rows(
            "SELECT symbol, reason FROM refused_prices JOIN tokens USING (token_no) WHERE campaign_no = %(no)s "
            "ORDER BY refusal_no"
        )
        return [(row["symbol"], row["reason"]) for row in rows]

    def fetches(self) -> list[tuple[str, int, str | None]]:
        """Looks: source, prices accepted, why it failed."""
        rows = self.rows(
            "SELECT source, accepted, failed FROM price_fetches WHERE campaign_no = %(no)s ORDER BY fetch_no"
        )
        return [(row["source"], row["accepted"], row["failed"]) for row in rows]

    def ticks(self) -> list[Row]:
        return self.rows("SELECT * FROM ticks WHERE campaign_no = %(no)s ORDER BY at")

    def order(self, order: Row) -> str:
        """What has become of an order."""
        [row] = self.rows("SELECT status FROM orders WHERE order_no = %(order)s", order=order["order_no"])
        return str(row["status"])

    def rows(self, query: str, **parameters: Any) -> list[Row]:
        with self.context.store.transaction() as session:
            campaign = session.campaign(self.live.name)
            assert campaign is not None
            cursor = session.connection.execute(query, {"no": campaign["campaign_no"], **parameters})
            names = [column.name for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def delayed(sources: Sources, meanwhile: Callable[[], None]) -> Sources:
    """The same, whose answers wait for something to happen before they come to their tick."""

    class Delayed(Sources):
        def prices(self, tokens: Mapping[str, int], last_accepted: Mapping[str, Decimal]) -> Fetched:
            fetched = super().prices(tokens, last_accepted)
            meanwhile()
            return fetched

        def calling(self, names: Mapping[str, Mapping[str, str]]) -> Sources:
            return self

    return Delayed(sources.first, sources.second, sources.funding)


@contextmanager
def price_server() -> Iterator[PriceServer]:
    """It serves until the end."""
    with PriceServer(0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def trade(
    trading: TradingContext, server: PriceServer, *, bucket: BucketOf = lambda *_: Open(), **variables: str
) -> Iterator[Traded]:
    """A new campaign, traded at the server, which is as new; SOL costs 160, USDC 1, WIF 2."""
    clock = Clock()
    server.market.__dict__.update(vars(Market(clock=price_market.Clock(clock))))
    live = make_live(trading, addresses=MINTS, clock=clock)
    fields = ("JUPITER", "COINGECKO", "BINANCE", "BINANCE_FUTURES", "PYTH")
    urls = {f"TRADING_{name}_URL": server.url for name in fields}
    settings = TradingSettings.model_validate({**urls, "TRADING_SOURCE_TIMEOUT": "0.5", **variables})
    with open_sources(settings, clock=clock, bucket=bucket) as sources:
        traded = Traded(live, server.market, sources)
        traded.cost(SOL="160", USDC="1", WIF="2")
        yield traded

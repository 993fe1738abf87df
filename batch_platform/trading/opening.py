"""How a process opens the context of trading, and its sources of prices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from batch_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from batch_platform.core.clock import Clock
    from batch_platform.trading.service import TradingContext
    from batch_platform.trading.settings import TradingSettings
    from batch_platform.trading.sources.buckets import BucketOf
    from batch_platform.trading.sources.fetch import Sources
    from batch_platform.trading.sources.source import PriceSource


@contextmanager
def open_context(settings: Settings | None = None, *, clock: Clock | None = None) -> Iterator[TradingContext]:
    """The context of this process, its connections closed at the end."""
    from batch_platform.core import postgres
    from batch_platform.core.clock import utc_now
    from batch_platform.trading.service import TradingContext
    from batch_platform.trading.settings import TradingSettings

    settings = settings or load_settings()
    campaign = settings.of(TradingSettings).campaign
    with postgres.open_pool(settings.database(), application_name="batch-platform trading") as pool:
        yield TradingContext(pool, clock or utc_now, campaign=campaign)


@contextmanager
def open_market(
    settings: Settings | None = None, *, clock: Clock | None = None
) -> Iterator[tuple[TradingContext, Sources]]:
    """The context and the sources, which share their turns with all machines of the database."""
    from batch_platform.trading.settings import TradingSettings
    from batch_platform.trading.store.source_buckets import database_buckets

    settings = settings or load_settings()
    with open_context(settings, clock=clock) as context:
        bucket = database_buckets(context.pool)
        with open_sources(settings.of(TradingSettings), clock=clock, bucket=bucket) as sources:
            yield context, sources


@contextmanager
def open_sources(
    settings: TradingSettings, *, clock: Clock | None = None, bucket: BucketOf | None = None
) -> Iterator[Sources]:
    """The sources of prices and funding rates that the settings name, their connections closed at the end.

    `bucket` makes the bucket of an account, by the source's name, address and requests a second; by default it is one
    of this process, shared by all that open sources in it.
    """
    from batch_platform.core.clock import utc_now
    from batch_platform.trading.sources import binance, buckets, coingecko, jupiter, pyth
    from batch_platform.trading.sources.endpoint import Endpoint
    from batch_platform.trading.sources.fetch import Sources

    with ExitStack() as opened:
        to = {
            account.name: opened.enter_context(
                closing(
                    Endpoint(
                        account.url,
                        bucket=(bucket or buckets.shared)(account.name, account.url, account.rate),
                        clock=clock or utc_now,
                        headers=account.headers,
                        timeout=timedelta(microseconds=int(settings.source_timeout * 1_000_000)),
                    )
                )
            )
            for account in settings.accounts()
        }
        known: dict[str, PriceSource] = {
            "jupiter": jupiter.Jupiter(to["jupiter"]),
            "coingecko": coingecko.CoinGecko(to["coingecko"], settings.coingecko_coins),
            "binance": binance.Binance(to["binance"], settings.binance_pairs),
            "pyth": pyth.Pyth(to["pyth"], settings.pyth_feeds),
        }
        yield Sources(
            first=[known[name] for name in settings.price_sources],
            second=[known[name] for name in settings.second_sources if name != "pyth" or settings.pyth_key],
            funding=binance.BinanceFunding(to["binance-futures"], settings.funding_contracts),
        )

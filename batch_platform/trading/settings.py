"""The settings of trading: where prices and funding rates come from, and how often each source may be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from batch_platform.core.messages import Message
from batch_platform.core.numbers import PlainDecimal
from batch_platform.settings import DomainSettings
from batch_platform.trading.model import CAMPAIGN
from batch_platform.trading.sources import binance, coingecko, jupiter, names, pyth

Source = Literal["jupiter", "coingecko", "binance", "pyth"]


def _address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
        raise ValueError(Message("source-address", "must be an http or https address, without a login or a query"))
    return url


def _named(value: Any) -> Any:
    """`MINT=name,MINT=name`."""
    if not isinstance(value, str):
        return value
    pairs = [entry.strip().partition("=") for entry in value.split(",") if entry.strip()]
    if not all(mint and name for mint, _, name in pairs):
        raise ValueError(Message("source-names", "is written MINT=name,MINT=name"))
    return {mint: name for mint, _, name in pairs}


def _listed(value: Any) -> Any:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


Address = Annotated[str, AfterValidator(_address)]
Names = Annotated[Mapping[str, str], BeforeValidator(_named)]
Sources = Annotated[tuple[Source, ...], BeforeValidator(_listed)]
Positive = Annotated[PlainDecimal, Field(gt=0, le=1000)]


@dataclass(frozen=True)
class Account:
    """Where a source is asked, how often a second at most, and the headers that carry its key."""

    name: str
    url: str
    rate: Decimal
    headers: Mapping[str, str] = field(repr=False)


class TradingSettings(DomainSettings):
    """Addresses, keys and rates (requests a second, for the whole account) of the sources, and what they are for.

    Coins, pairs, contracts and feeds are what a source calls each mint; unset they are those of `sources.names`.
    """

    campaign: str = Field(CAMPAIGN, min_length=1, max_length=100, validation_alias="TRADING_CAMPAIGN")
    """The live competition: what API, console, schedules and commands mean where none is named."""

    price_sources: Sources = Field(("jupiter",), min_length=1, validation_alias="TRADING_PRICE_SOURCES")
    """Where ticks come from, in this order: a later one is asked for what the earlier ones did not know."""
    second_sources: Sources = Field(("coingecko", "binance", "pyth"), validation_alias="TRADING_SECOND_SOURCES")
    """Who is asked, in this order, whether a price that has jumped is true."""
    source_timeout: Positive = Field(Decimal(10), validation_alias="TRADING_SOURCE_TIMEOUT")
    """Seconds that a whole answer may take."""

    jupiter_url: Address = Field(jupiter.URL, validation_alias="TRADING_JUPITER_URL")
    jupiter_key: SecretStr | None = Field(None, validation_alias="TRADING_JUPITER_KEY")
    jupiter_rate: Positive | None = Field(None, validation_alias="TRADING_JUPITER_RATE")
    """Unset: what Jupiter allows without a key, 0.5, or with a free one, 1."""

    coingecko_url: Address = Field(coingecko.URL, validation_alias="TRADING_COINGECKO_URL")
    coingecko_key: SecretStr | None = Field(None, validation_alias="TRADING_COINGECKO_KEY")
    coingecko_rate: Positive = Field(Decimal("0.5"), validation_alias="TRADING_COINGECKO_RATE")
    coingecko_coins: Names = Field(names.COINGECKO, validation_alias="TRADING_COINGECKO_COINS")

    binance_url: Address = Field(binance.URL, validation_alias="TRADING_BINANCE_URL")
    binance_futures_url: Address = Field(binance.FUTURES_URL, validation_alias="TRADING_BINANCE_FUTURES_URL")
    binance_rate: Positive = Field(Decimal(5), validation_alias="TRADING_BINANCE_RATE")
    binance_pairs: Names = Field(names.BINANCE, validation_alias="TRADING_BINANCE_PAIRS")
    funding_contracts: Names = Field(names.FUNDING, validation_alias="TRADING_FUNDING_CONTRACTS")

    pyth_url: Address = Field(pyth.URL, validation_alias="TRADING_PYTH_URL")
    pyth_key: SecretStr | None = Field(None, validation_alias="TRADING_PYTH_KEY")
    """Without it Pyth is not asked."""
    pyth_rate: Positive = Field(Decimal(1), validation_alias="TRADING_PYTH_RATE")
    pyth_feeds: Names = Field(names.PYTH, validation_alias="TRADING_PYTH_FEEDS")

    @model_validator(mode="after")
    def _pyth_with_its_key(self) -> TradingSettings:
        if "pyth" in self.price_sources and self.pyth_key is None:
            raise ValueError(
                Message("pyth-without-key", "TRADING_PRICE_SOURCES names pyth, which needs TRADING_PYTH_KEY")
            )
        return self

    def accounts(self) -> tuple[Account, ...]:
        """What each source is asked by. Binance counts its futures apart."""
        keyed = Decimal(1) if self.jupiter_key else Decimal("0.5")
        return (
            Account(
                "jupiter", self.jupiter_url, self.jupiter_rate or keyed, _header(jupiter.KEY_HEADER, self.jupiter_key)
            ),
            Account(
                "coingecko",
                self.coingecko_url,
                self.coingecko_rate,
                _header(coingecko.KEY_HEADER, self.coingecko_key),
            ),
            Account("binance", self.binance_url, self.binance_rate, {}),
            Account("binance-futures", self.binance_futures_url, self.binance_rate, {}),
            Account("pyth", self.pyth_url, self.pyth_rate, _header("Authorization", self.pyth_key, "Bearer ")),
        )


def _header(name: str, key: SecretStr | None, prefix: str = "") -> dict[str, str]:
    return {name: prefix + key.get_secret_value()} if key else {}

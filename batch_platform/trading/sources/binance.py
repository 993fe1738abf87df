"""Binance without a key: spot prices of the majors, and funding rates of perpetual contracts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from batch_platform.trading import quotes
from batch_platform.trading.acceptance import Failed
from batch_platform.trading.sources.endpoint import Answer, Endpoint
from batch_platform.trading.sources.source import Batch, NamedSource

URL: Final = "https://data-api.binance.vision"
"""Market data alone, of the spot market."""
FUTURES_URL: Final = "https://fapi.binance.com"


class Binance(NamedSource):
    """Spot prices in USDT, taken for USD, by pairs. One pair that Binance does not know fails the whole request."""

    name = "binance"

    def _batch(self, names: Mapping[str, str]) -> Batch:
        symbols = json.dumps(list(names.values()), separators=(",", ":"))
        answer = self.endpoint.get("/api/v3/ticker/price", {"symbols": symbols})
        return Batch(tuple(names), answer, partial(quotes.binance, pairs=names))


@dataclass(frozen=True)
class BinanceFunding:
    """The premium index, of all contracts in one request; `names` has the contract of each mint."""

    endpoint: Endpoint
    names: Mapping[str, str]
    name: str = "funding"

    def premium_index(self) -> Answer | Failed:
        """What `acceptance.accept_funding` judges."""
        return self.endpoint.get("/fapi/v1/premiumIndex", {})

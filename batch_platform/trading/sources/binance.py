"""Binance without a key: spot prices of the majors, and funding rates of perpetual contracts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from batch_platform.trading import quotes
from batch_platform.trading.acceptance import Failed
from batch_platform.trading.sources.endpoint import Answer, Endpoint
from batch_platform.trading.sources.source import Batch, chunks

URL: Final = "https://data-api.binance.vision"
"""Market data alone, of the spot market."""
FUTURES_URL: Final = "https://fapi.binance.com"


@dataclass(frozen=True)
class Binance:
    """Spot prices in USDT, taken for USD. One pair that Binance does not know fails the whole request."""

    endpoint: Endpoint
    pairs: Mapping[str, str]
    name: str = "binance"

    def batches(self, mints: Sequence[str]) -> Iterator[Batch]:
        for chunk in chunks([mint for mint in mints if mint in self.pairs]):
            pairs = {mint: self.pairs[mint] for mint in chunk}
            symbols = json.dumps(list(pairs.values()), separators=(",", ":"))
            answer = self.endpoint.get("/api/v3/ticker/price", {"symbols": symbols})
            yield Batch(chunk, answer, partial(quotes.binance, pairs=pairs))


@dataclass(frozen=True)
class BinanceFunding:
    """The premium index: of all contracts in one request."""

    endpoint: Endpoint
    contracts: Mapping[str, str]
    name: str = "binance"

    def premium_index(self) -> Answer | Failed:
        """What `acceptance.accept_funding` judges."""
        return self.endpoint.get("/fapi/v1/premiumIndex", {})

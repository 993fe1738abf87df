"""CoinGecko's simple price: GET /api/v3/simple/price?ids=coin,coin, a demo key in `x-cg-demo-api-key`.

By coins, not by contracts: the demo plan takes one contract a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from batch_platform.trading import quotes
from batch_platform.trading.sources.endpoint import Endpoint
from batch_platform.trading.sources.source import Batch, chunks

URL: Final = "https://api.coingecko.com"
KEY_HEADER: Final = "x-cg-demo-api-key"
_OPTIONS: Final = {"vs_currencies": "usd", "include_last_updated_at": "true", "precision": "full"}


@dataclass(frozen=True)
class CoinGecko:
    """Prices by the coins' names at CoinGecko."""

    endpoint: Endpoint
    coins: Mapping[str, str]
    name: str = "coingecko"

    def batches(self, mints: Sequence[str]) -> Iterator[Batch]:
        for chunk in chunks([mint for mint in mints if mint in self.coins]):
            coins = {mint: self.coins[mint] for mint in chunk}
            answer = self.endpoint.get("/api/v3/simple/price", {"ids": ",".join(coins.values()), **_OPTIONS})
            yield Batch(chunk, answer, partial(quotes.coingecko, coins=coins))

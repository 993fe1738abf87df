"""CoinGecko's simple price: GET /api/v3/simple/price?ids=coin,coin, a demo key in `x-cg-demo-api-key`.

By coins, not by contracts: the demo plan takes one contract a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from batch_platform.trading import quotes
from batch_platform.trading.sources.source import Batch, NamedSource

URL: Final = "https://api.coingecko.com"
KEY_HEADER: Final = "x-cg-demo-api-key"
_OPTIONS: Final = {"vs_currencies": "usd", "include_last_updated_at": "true", "precision": "full"}


class CoinGecko(NamedSource):
    """Prices by the coins' names at CoinGecko."""

    name = "coingecko"

    def _batch(self, names: Mapping[str, str]) -> Batch:
        answer = self.endpoint.get("/api/v3/simple/price", {"ids": ",".join(names.values()), **_OPTIONS})
        return Batch(tuple(names), answer, partial(quotes.coingecko, coins=names))

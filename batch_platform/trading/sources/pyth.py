"""Pyth's Hermes: GET /v2/updates/price/latest?ids[]=feed, since August 2026 with a key, as a bearer token."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from batch_platform.trading import quotes
from batch_platform.trading.sources.source import Batch, NamedSource

URL: Final = "https://pyth.dourolabs.app/hermes"
_OPTIONS: Final = {"parsed": "true", "ignore_invalid_price_ids": "true"}


class Pyth(NamedSource):
    """Prices by the ids of their feeds, in hexadecimal digits without 0x."""

    name = "pyth"

    def _batch(self, names: Mapping[str, str]) -> Batch:
        answer = self.endpoint.get("/v2/updates/price/latest", {"ids[]": list(names.values()), **_OPTIONS})
        return Batch(tuple(names), answer, partial(quotes.pyth, feeds=names))

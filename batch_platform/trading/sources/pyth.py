"""Pyth's Hermes: GET /v2/updates/price/latest?ids[]=feed, since August 2026 with a key, as a bearer token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from batch_platform.trading import quotes
from batch_platform.trading.sources.endpoint import Endpoint
from batch_platform.trading.sources.source import Batch, chunks

URL: Final = "https://pyth.dourolabs.app/hermes"
_OPTIONS: Final = {"parsed": "true", "ignore_invalid_price_ids": "true"}


@dataclass(frozen=True)
class Pyth:
    """Prices by the ids of their feeds, in hexadecimal digits without 0x."""

    endpoint: Endpoint
    feeds: Mapping[str, str]
    name: str = "pyth"

    def batches(self, mints: Sequence[str]) -> Iterator[Batch]:
        for chunk in chunks([mint for mint in mints if mint in self.feeds]):
            feeds = {mint: self.feeds[mint] for mint in chunk}
            answer = self.endpoint.get("/v2/updates/price/latest", {"ids[]": list(feeds.values()), **_OPTIONS})
            yield Batch(chunk, answer, partial(quotes.pyth, feeds=feeds))

"""Jupiter's price v3: GET /price/v3?ids=mint,mint, at most 50, the key in `x-api-key`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from batch_platform.trading import quotes
from batch_platform.trading.sources.endpoint import Endpoint
from batch_platform.trading.sources.source import Batch, chunks

URL: Final = "https://api.jup.ag"
KEY_HEADER: Final = "x-api-key"


@dataclass(frozen=True)
class Jupiter:
    """The source of all ticks: it names tokens by their mints."""

    endpoint: Endpoint
    name: str = "jupiter"

    def batches(self, mints: Sequence[str]) -> Iterator[Batch]:
        for chunk in chunks(mints):
            answer = self.endpoint.get("/price/v3", {"ids": ",".join(chunk)})
            yield Batch(chunk, answer, partial(quotes.jupiter, mints=chunk))

"""What all sources of prices have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from batch_platform.trading.acceptance import Failed, Reader
from batch_platform.trading.sources.endpoint import Answer, Endpoint

AT_ONCE: Final = 50
"""Tokens in one request: Jupiter's limit, kept for the others too."""


@dataclass(frozen=True)
class Batch:
    """One request: the tokens it was about, what came back, and how that is read."""

    mints: tuple[str, ...]
    answer: Answer | Failed
    read: Reader


class PriceSource(Protocol):
    """A source of prices in USD for one whole token."""

    @property
    def name(self) -> str:
        """As it stands beside the ticks: jupiter, coingecko, binance, pyth."""

    def batches(self, mints: Sequence[str]) -> Iterator[Batch]:
        """Ask for the tokens among these that the source knows, in as few requests as it allows."""


@dataclass(frozen=True)
class NamedSource(ABC):
    """A source that has names of its own for tokens, by mint; of others it knows nothing."""

    endpoint: Endpoint
    names: Mapping[str, str]

    @property
    @abstractmethod
    def name(self) -> str:
        """As in `PriceSource`."""

    def batches(self, mints: Sequence[str]) -> Iterator[Batch]:
        """As in `PriceSource`."""
        for chunk in chunks([mint for mint in mints if mint in self.names]):
            yield self._batch({mint: self.names[mint] for mint in chunk})

    @abstractmethod
    def _batch(self, names: Mapping[str, str]) -> Batch:
        """Ask for these, by mint."""


def chunks(mints: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The mints in order, `AT_ONCE` at a time."""
    rest = iter(mints)
    while chunk := tuple(islice(rest, AT_ONCE)):
        yield chunk

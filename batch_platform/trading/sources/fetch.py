"""Prices of many tokens: each answer judged, jumps shown to a second source, what is left to the next source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from batch_platform.trading.acceptance import Accepted, Failed, PriceRefusal, accept, accept_funding
from batch_platform.trading.cadence import is_good
from batch_platform.trading.sources.binance import BinanceFunding
from batch_platform.trading.sources.endpoint import Answer
from batch_platform.trading.sources.source import Batch, NamedSource, PriceSource


@dataclass(frozen=True)
class Price:
    """An accepted price, USD for one whole token at most 18 decimals, seen by its source at `observed_at`.

    `at` is when the answer had arrived.
    """

    mint: str
    price: Decimal
    source: str
    observed_at: datetime
    at: datetime


@dataclass(frozen=True)
class RefusedPrice:
    """A price that is no tick; `price` where it was a number, moments as those of a `Price`."""

    mint: str
    source: str
    reason: PriceRefusal
    price: Decimal | None
    observed_at: datetime
    at: datetime


@dataclass(frozen=True)
class FailedFetch:
    """A request that came to nothing for these tokens. `reason` as in `acceptance.Failed`."""

    mints: tuple[str, ...]
    source: str
    reason: str


@dataclass
class Fetched:
    """All that came of one look at the sources, in the order of asking."""

    prices: list[Price] = field(default_factory=list)
    refused: list[RefusedPrice] = field(default_factory=list)
    failed: list[FailedFetch] = field(default_factory=list)


@dataclass(frozen=True)
class Sources:
    """The sources of one process: of ticks, of second opinions and of funding rates."""

    first: Sequence[PriceSource]
    second: Sequence[PriceSource]
    funding: BinanceFunding

    def prices(self, tokens: Mapping[str, int], last_accepted: Mapping[str, Decimal]) -> Fetched:
        """The prices of `tokens` (decimals by mint). A later source is asked for what the earlier ones did not know.

        A price that has jumped from `last_accepted` (USD by mint) is shown to the second sources, to no later one.
        """
        fetched, left = Fetched(), dict(tokens)
        for source in self.first:
            for batch in source.batches(list(left)):
                for mint in _judge(fetched, source, batch, self.second, left, last_accepted):
                    left.pop(mint)
        return fetched

    def calling(self, names: Mapping[str, Mapping[str, str]]) -> Sources:
        """The same sources, which call tokens as these names say: by the source's name or `funding`, then by mint.

        What is not named keeps the name that the settings give it.
        """
        return Sources(
            [_calling(source, names) for source in self.first],
            [_calling(source, names) for source in self.second],
            replace(self.funding, names={**self.funding.names, **names.get(self.funding.name, {})}),
        )

    def funding_rates(self, mints: Sequence[str]) -> Accepted | Failed:
        """The rates per 8 hours of the perpetual contracts of these mints, in `rows`; positive: longs pay.

        A mint whose contract nobody named is `omitted`.
        """
        answer = self.funding.premium_index()
        if isinstance(answer, Failed):
            return answer
        contracts = {mint: self.funding.names.get(mint, "") for mint in mints}
        return accept_funding(answer.status, answer.body, contracts)


def _calling(source: PriceSource, names: Mapping[str, Mapping[str, str]]) -> PriceSource:
    if not isinstance(source, NamedSource):
        return source
    return replace(source, names={**source.names, **names.get(source.name, {})})


def second_prices(
    sources: Sequence[PriceSource],
    mints: Sequence[str],
    tokens: Mapping[str, int],
    failed: list[FailedFetch] | None = None,
) -> dict[str, Decimal]:
    """Of each mint the price of the first of these sources that has a good one, USD; `failed` gathers what fails."""
    prices: dict[str, Decimal] = {}
    for source in sources:
        for batch in source.batches([mint for mint in mints if mint not in prices]):
            answer = batch.answer
            accepted = answer if isinstance(answer, Failed) else _accepted(batch, answer, tokens, {}, {})
            if isinstance(answer, Failed) or isinstance(accepted, Failed):
                assert isinstance(accepted, Failed)
                if failed is not None:
                    failed.append(FailedFetch(batch.mints, source.name, accepted.reason))
                continue
            seen = {mint: accepted.observed.get(mint, answer.at) for mint in accepted.rows}
            good = [mint for mint in seen if is_good(min(seen[mint], answer.at), answer.at)]
            prices |= {mint: accepted.rows[mint] for mint in good}
    return prices


def _judge(
    fetched: Fetched,
    source: PriceSource,
    batch: Batch,
    second_sources: Sequence[PriceSource],
    tokens: Mapping[str, int],
    last_accepted: Mapping[str, Decimal],
) -> list[str]:
    """Note what came of a request; the mints that need no later source."""
    answer = batch.answer
    accepted = answer if isinstance(answer, Failed) else _accepted(batch, answer, tokens, last_accepted, {})
    if isinstance(answer, Failed) or isinstance(accepted, Failed):
        assert isinstance(accepted, Failed)
        fetched.failed.append(FailedFetch(batch.mints, source.name, accepted.reason))
        return []
    jumps = [mint for mint, reason in accepted.refused.items() if reason is PriceRefusal.JUMP]
    others = [second for second in second_sources if second.name != source.name]
    if jumps and (second := second_prices(others, jumps, tokens)):
        confirmed = _accepted(batch, answer, tokens, last_accepted, second)
        accepted = confirmed if isinstance(confirmed, Accepted) else accepted
    seen = {mint: min(accepted.observed.get(mint, answer.at), answer.at) for mint in batch.mints}
    for mint, price in accepted.rows.items():
        fetched.prices.append(Price(mint, price, source.name, seen[mint], answer.at))
    for mint, reason in accepted.refused.items():
        number = accepted.refused_prices.get(mint)
        fetched.refused.append(RefusedPrice(mint, source.name, reason, number, seen[mint], answer.at))
    return [*accepted.rows, *(mint for mint in jumps if mint in accepted.refused)]


def _accepted(
    batch: Batch,
    answer: Answer,
    tokens: Mapping[str, int],
    last_accepted: Mapping[str, Decimal],
    second_source: Mapping[str, Decimal],
) -> Accepted | Failed:
    return accept(
        answer.status,
        answer.body,
        tokens={mint: tokens[mint] for mint in batch.mints},
        last_accepted=last_accepted,
        second_source=second_source,
        read=batch.read,
    )

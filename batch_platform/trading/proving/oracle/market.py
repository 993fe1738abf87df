"""What belongs to nobody: days that end, prices, the funding index of each token, the rate of each LST."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Final

from batch_platform.trading.proving.oracle.exact import floor, half_even
from batch_platform.trading.proving.oracle.lines import DAY, Contest

GOOD_FOR: Final = 1_800
"""Seconds for which a price is good, and for which an order waits for one."""


class Market:
    """As of the instant to which it has been moved."""

    def __init__(self, contest: Contest) -> None:
        self._contest = contest
        self.day = contest.start // DAY
        self.accrued: dict[str, Fraction] = defaultdict(Fraction)
        """Percent of all ended days, by token staked."""
        self.lst_rates = {pool.lst: pool.exchange_rate for pool in contest.pools.values()}
        self.prices: dict[str, tuple[int, Fraction]] = {}
        """The newest price of a token and its instant."""
        self.funding = {name: Fraction(0) for name, token in contest.tokens.items() if token.perp_max_leverage}
        """USD·seconds that one whole token has been charged."""

    def move(self, at: int) -> None:
        """End the days that have ended at this instant."""
        while self.day < at // DAY:
            for token, action in self._contest.interest:
                if action == "staking":
                    self.accrued[token] += self._percent(token, action)
            for pool in self._contest.pools.values():
                year = 36_500 + self._percent(pool.base, "liquid_staking")
                self.lst_rates[pool.lst] = floor(self.lst_rates[pool.lst] * year / 36_500, 18)
            self.day += 1

    def _percent(self, token: str, action: str) -> Fraction:
        """The newest rate that is in effect on the day."""
        rates = self._contest.interest.get((token, action), [])
        return next((rate for effective, rate in reversed(rates) if effective <= self.day), Fraction(0))

    def tick(self, at: int, prices: Mapping[str, Fraction]) -> dict[str, Fraction]:
        """Take the prices in, derive those of LSTs, and answer all of them."""
        held = {token: price for token, price in prices.items() if token not in self.lst_rates}
        for pool in self._contest.pools.values():
            if pool.base in held:
                price = half_even(self.lst_rates[pool.lst] * held[pool.base], 18)
                held |= {pool.lst: price} if price else {}
        for token, price in held.items():
            if token in self.funding and token in self.prices:
                since = self.prices[token][0]
                self.funding[token] += price * self._rate_seconds(token, since, at)
            self.prices[token] = at, price
        return held

    def _rate_seconds(self, token: str, since: int, until: int) -> Fraction:
        """Rates times the seconds for which each was in force; 0 before the first."""
        rates = self._contest.funding.get(token, [])
        ends = [start for start, _ in rates[1:]] + [until]
        total = Fraction(0)
        for (start, rate), end in zip(rates, ends, strict=False):
            total += rate * max(0, min(end, until) - max(start, since))
        return total

    def good(self, token: str, at: int) -> Fraction | None:
        """Its newest price, unless that is too old at this instant."""
        known, price = self.prices.get(token, (at - GOOD_FOR - 1, Fraction(0)))
        return price if at - known <= GOOD_FOR else None

"""Staking and liquid staking: interest by ended UTC days, and what an LST is worth in its base token.

K is the sum of a token's yearly percents over its ended days, X the base tokens that one LST is worth.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from batch_platform.trading.amounts import INDEX_DECIMALS, PRICE_DECIMALS, exact, floored, half_even
from batch_platform.trading.model import Refusal

YEAR_IN_PERCENT_DAYS: Final = 36_500
"""365 days of 100 percent."""


def rate_on(rates: Mapping[date, Decimal], day: date) -> Decimal:
    """The rate of a day: the newest whose effective day is not after it, 0 before the first."""
    effective = max((start for start in rates if start <= day), default=None)
    return Decimal(0) if effective is None else rates[effective]


def interest_index(rates: Mapping[date, Decimal], first: date, now: date) -> Decimal:
    """K of the days from `first` until yesterday, as of `now`: a day counts once it has ended."""
    days = (first + timedelta(days=passed) for passed in range((now - first).days))
    return exact(sum((Fraction(rate_on(rates, day)) for day in days), Fraction(0)))


def accrued(principal: Decimal, index_open: Decimal, index_now: Decimal) -> Decimal:
    """floor₁₈(principal·(K_now − K_open)/36500), of the index alone: asking more often changes nothing.

    Rates below zero take no more than the principal.
    """
    grown = Fraction(index_now) - Fraction(index_open)
    return max(principal.copy_negate(), floored(Fraction(principal) * grown / YEAR_IN_PERCENT_DAYS, INDEX_DECIMALS))


def paid(principal: Decimal, interest: Decimal, decimals: int) -> Decimal:
    """What the end of a stake pays: floor(principal + accrued) in the token's decimals."""
    return floored(Fraction(principal) + Fraction(interest), decimals)


def next_rate(exchange_rate: Decimal, rate: Decimal) -> Decimal:
    """X of the next day, after a day at a yearly `rate`: floor₁₈(X·(36500 + rate)/36500)."""
    grown = Fraction(exchange_rate) * (YEAR_IN_PERCENT_DAYS + Fraction(rate))
    return floored(grown / YEAR_IN_PERCENT_DAYS, INDEX_DECIMALS)


def mint(amount: Decimal, exchange_rate: Decimal, decimals: int) -> Decimal | Refusal:
    """LST for an amount of its base: floor(amount/X); `AMOUNT_TOO_SMALL` where that is nothing."""
    minted = floored(Fraction(amount) / Fraction(exchange_rate), decimals)
    return minted if minted > 0 else Refusal.AMOUNT_TOO_SMALL


def redeem(lst: Decimal, exchange_rate: Decimal, decimals: int) -> Decimal:
    """Base tokens for an amount of LST: floor(lst·X)."""
    return floored(Fraction(lst) * Fraction(exchange_rate), decimals)


def lst_price(exchange_rate: Decimal, base_price: Decimal) -> Decimal:
    """What an LST costs in USD, which no source is asked for: half-even₁₈(X·P_base)."""
    return half_even(Fraction(exchange_rate) * Fraction(base_price), PRICE_DECIMALS)

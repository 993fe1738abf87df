"""The values of trading that all modules speak of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

CAMPAIGN: Final = "main"
"""The campaign that is meant where the settings name none."""

USDC: Final = "USDC"
"""The symbol of what positions are held in; inside the engine one is one USD."""


class Refusal(StrEnum):
    """Why an order is not carried out."""

    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105 (a reason)
    SAME_TOKEN = "same_token"  # noqa: S105 (a reason)
    LEVERAGE_OUT_OF_RANGE = "leverage_out_of_range"
    INVALID_AMOUNT = "invalid_amount"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    AMOUNT_TOO_SMALL = "amount_too_small"
    POSITION_NOT_OPEN = "position_not_open"
    CLOSE_PENDING = "close_pending"
    NOT_ACTIVE = "not_active"
    POSITION_LIQUIDATED = "position_liquidated"
    EXPIRED = "expired"
    CAMPAIGN_ENDED = "campaign_ended"


class Direction(StrEnum):
    """Which way a position bets."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """s in the formulas: 1 or -1."""
        return 1 if self is Direction.LONG else -1


@dataclass(frozen=True)
class Token:
    """A token of a campaign; `lst_no` stands for it when it is staked, `base_no` is what it stands for itself.

    `perp_max_leverage` is None where there is no perpetual future on it.
    """

    number: int
    symbol: str
    decimals: int
    address: str = ""
    perp_max_leverage: int | None = None
    lst_no: int | None = None
    base_no: int | None = None


@dataclass(frozen=True)
class Campaign:
    """A competition and what is traded in it, tokens by symbol. Fees are basis points.

    `day` is the UTC day that interest is accrued up to, `tick_at` the newest tick.
    """

    number: int
    name: str
    kind: str
    tokens: Mapping[str, Token]
    swap_fee_bps: Decimal = Decimal(0)
    perp_fee_bps: Decimal = Decimal(0)
    max_trade_usd: Decimal | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    day: date | None = None
    tick_at: datetime | None = None
    last_at: datetime | None = None
    thinned_to: datetime | None = None
    digest: str | None = None

    @property
    def usdc(self) -> Token | None:
        """What positions are held in."""
        return self.tokens.get(USDC)

    @property
    def usdc_no(self) -> int | None:
        """Its number."""
        return None if self.usdc is None else self.usdc.number

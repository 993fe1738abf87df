"""The values of trading that all modules speak of."""

from __future__ import annotations

from enum import StrEnum


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

"""Why an order is refused, as a problem: its type is the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from batch_platform.trading.model import Refusal as Reason
from batch_platform.web.api.refusals import Refusal

_PROBLEMS: Final[Mapping[Reason, Callable[[], Refusal]]] = {
    Reason.UNKNOWN_TOKEN: lambda: Refusal(422, "unknown-token", "this token is not traded here, or not in this way"),
    Reason.SAME_TOKEN: lambda: Refusal(422, "same-token", "a token is not swapped for itself"),
    Reason.LEVERAGE_OUT_OF_RANGE: lambda: Refusal(
        422, "leverage-out-of-range", "the leverage must be from 1 to the highest one of the token"
    ),
    Reason.INVALID_AMOUNT: lambda: Refusal(
        422, "invalid-amount", "the amount must be above 0, in plain digits, and no finer than the token"
    ),
    Reason.INSUFFICIENT_BALANCE: lambda: Refusal(
        409, "insufficient-balance", "the wallet holds less than the order needs"
    ),
    Reason.AMOUNT_TOO_SMALL: lambda: Refusal(
        422, "amount-too-small", "the amount is so small that nothing would come of it"
    ),
    Reason.POSITION_NOT_OPEN: lambda: Refusal(409, "position-not-open", "the position is not open"),
    Reason.CLOSE_PENDING: lambda: Refusal(409, "close-pending", "the position is being closed already"),
    Reason.NOT_ACTIVE: lambda: Refusal(409, "not-active", "the investment is not active"),
    Reason.POSITION_LIQUIDATED: lambda: Refusal(
        409, "position-liquidated", "the position was liquidated before it could be closed"
    ),
    Reason.EXPIRED: lambda: Refusal(
        409, "expired", "no price came within 30 minutes: the order has expired, what it kept is free again"
    ),
    Reason.CAMPAIGN_ENDED: lambda: Refusal(409, "campaign-ended", "the campaign has ended: nothing is traded now"),
}


def refused(reason: str) -> Refusal:
    """The problem of a reason."""
    return _PROBLEMS[Reason(reason)]()


def players_only() -> Refusal:
    """For accounts of the platform, and for players who name another's wallet."""
    return Refusal(403, "players-only", "only the player whose wallet it is may do this")

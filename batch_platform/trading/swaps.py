"""What a swap gives at two prices."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from batch_platform.trading.amounts import BPS, exact, floored
from batch_platform.trading.model import Refusal


@dataclass(frozen=True)
class Quote:
    """`amount_out` in the token that is received, `fee` in the one that is given."""

    amount_out: Decimal
    fee: Decimal


def quote(
    amount: Decimal, *, price_from: Decimal, price_to: Decimal, decimals_to: int, fee_bps: Decimal
) -> Quote | Refusal:
    """out = floor(in·P_in·(10⁴−bps)/(10⁴·P_out)) in the decimals received; fee = in·bps/10⁴, exact.

    `AMOUNT_TOO_SMALL` where nothing is left to receive.
    """
    given = Fraction(amount)
    fee = given * Fraction(fee_bps) / BPS
    received = floored((given - fee) * Fraction(price_from) / Fraction(price_to), decimals_to)
    return Quote(received, exact(fee)) if received > 0 else Refusal.AMOUNT_TOO_SMALL

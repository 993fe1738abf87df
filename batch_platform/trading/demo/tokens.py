"""What is traded live: tokens that the price server knows by their real addresses, a pool, and the first grant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from batch_platform.core.ids import Ids
    from batch_platform.trading.store import Session

SWAP_FEE_BPS: Final = Decimal(25)
PERP_FEE_BPS: Final = Decimal(6)

TOKENS: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "symbol": "USDC",
        "name": "USD Coin",
        "address": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
        "decimals": 6,
    },
    {
        "symbol": "SOL",
        "name": "Solana",
        "address": "So11111111111111111111111111111111111111112",
        "decimals": 9,
        "perp_max_leverage": 20,
    },
    {
        "symbol": "WBTC",
        "name": "Wrapped Bitcoin",
        "address": "3NZ9JMVBmGAqocybic2c7LQCJScmgsAZ6vQqTDzcqmJh",
        "decimals": 8,
        "perp_max_leverage": 50,
    },
    {
        "symbol": "JUP",
        "name": "Jupiter",
        "address": "JUPyiwrYJFskUPiHa7hkeR8VUtAeFoSYbKedZNsDvCN",
        "decimals": 6,
    },
    {
        "symbol": "BONK",
        "name": "Bonk",
        "address": "DezXAZ8z7PnrnRJjz3wXBoRgixCa6xjnB7YaB1pPB263",
        "decimals": 5,
    },
    {
        "symbol": "jitoSOL",
        "name": "Jito Staked SOL",
        "address": "J1toso1uCk3RLmjorhTtrVwY9HJ7X8V9yYac6Y7kGCPn",
        "decimals": 9,
        "type": "liquid_staking",
    },
)
POOL: Final = ("SOL", "jitoSOL", Decimal("1.236918402"))
"""The base, what stands for it, and what one of that is worth in the base on the first day."""
RATES: Final = (("SOL", "staking", "6.15"), ("SOL", "liquid_staking", "7.12"), ("JUP", "staking", "12.4"))
"""Percent a year, from the first day on."""
GRANTS: Final = {"SOL": Decimal(10), "USDC": Decimal(1000)}


def prices_by_address(prices: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The same, by the addresses of the tokens instead of their symbols."""
    addresses = {token["symbol"]: token["address"] for token in TOKENS}
    return {addresses[symbol]: given for symbol, given in prices.items()}


def open_campaign(session: Session, name: str, *, now: datetime, new_id: Ids) -> bool:
    """A live campaign that has all this and begins now; False where there is one of that name."""
    number = session.add_campaign(
        name=name,
        kind="live",
        swap_fee_bps=SWAP_FEE_BPS,
        perp_fee_bps=PERP_FEE_BPS,
        starts_at=now.replace(microsecond=0),
    )
    if number is None:
        return False
    tokens = session.add_tokens(number, [dict(token) for token in TOKENS])
    base, lst, rate = POOL
    session.add_pools([{"base_token_no": tokens[base], "lst_token_no": tokens[lst], "exchange_rate": rate}])
    session.add_interest_rates(
        [
            {
                "id": str(new_id(now)),
                "token_no": tokens[symbol],
                "action_type": action,
                "interest_rate": percent,
                "effective_date": now.astimezone(UTC).date(),
            }
            for symbol, action, percent in RATES
        ]
    )
    session.set_grants(number, [{"token_no": tokens[symbol], "amount": amount} for symbol, amount in GRANTS.items()])
    return True

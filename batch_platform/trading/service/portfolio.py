"""A player's portfolio now or at any past instant, from facts up to it alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from batch_platform.trading import answer
from batch_platform.trading.amounts import USD_DECIMALS, exact, half_even
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.looking import Look, look
from batch_platform.trading.store import Session
from batch_platform.trading.valuation import Worth, worth


@dataclass(frozen=True)
class Portfolio:
    """What a player has, and what it is worth in USD.

    `pnl_from_start` and `pnl_percentage` are None where the value or the baseline is not known, or a flow waits for
    prices.
    """

    wallet_address: str
    user: str
    username: str
    status: str
    at: datetime
    worth: Worth
    baseline_at: datetime | None
    baseline_usd: Decimal | None
    net_flows_usd: Decimal
    pnl_from_start: Decimal | None
    pnl_percentage: Decimal | None


def portfolio(context: TradingContext, campaign: str, wallet: str, *, at: datetime | None = None) -> Portfolio:
    """A player's portfolio at an instant, without one as of the newest facts. Raises `NotFound`."""
    with context.store.snapshot() as session:
        seen = look(context, session, campaign, wallet, at)
        valuation, flowed = valued(session, seen), session.flowed(seen.user_no, seen.at)
    player = seen.player
    has_baseline = player["baseline_at"] is not None and player["baseline_at"] <= seen.at
    baseline = player["baseline_usd"] if has_baseline else None
    pnl = percentage = None
    if valuation.total is not None and baseline is not None and flowed["is_valued"]:
        pnl = exact(Fraction(valuation.total) - Fraction(baseline) - Fraction(flowed["net_flows_usd"]))
        percentage = half_even(100 * Fraction(pnl) / Fraction(baseline), USD_DECIMALS) if baseline else None
    return Portfolio(
        wallet_address=player["wallet_address"],
        user=player["user"],
        username=player["username"],
        status=player["status"],
        at=seen.at,
        worth=valuation,
        baseline_at=player["baseline_at"] if has_baseline else None,
        baseline_usd=baseline,
        net_flows_usd=flowed["net_flows_usd"],
        pnl_from_start=pnl,
        pnl_percentage=percentage,
    )


def snapshot_details(context: TradingContext, campaign: str, wallet: str, at: datetime) -> dict[str, Any]:
    """What a snapshot was made of, computed again: `{tokens, perp_positions, investments}`. Raises `NotFound`."""
    with context.store.snapshot() as session:
        valuation = valued(session, look(context, session, campaign, wallet, at))
    return {name: answer.json_of(getattr(valuation, name)) for name in ("tokens", "perp_positions", "investments")}


def valued(session: Session, seen: Look) -> Worth:
    """What the player has at the instant of the look."""
    return worth(
        session.holdings(seen.campaign_no, seen.user_no, seen.at),
        session.stakes(seen.user_no, seen.at),
        session.open_positions(seen.user_no, seen.at),
        seen.at,
    )

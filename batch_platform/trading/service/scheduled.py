"""What the sources are asked for by the clock, in all live campaigns: ticks, and the rates of eight hours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from batch_platform.trading.service import funding, prices, ticks
from batch_platform.trading.service.context import TradingContext
from batch_platform.trading.service.funding import FundingOutcome
from batch_platform.trading.service.prices import Outcome
from batch_platform.trading.service.recurring import live_campaigns
from batch_platform.trading.sources.fetch import Sources

_NO_FAILURE: Final = (None, "not_due", "missed", "over")


def tick_window(context: TradingContext, sources: Sources, window: datetime) -> dict[str, Outcome]:
    """The scheduled tick of ten minutes, by campaign; once a campaign is over, its orders that wait expire.

    Raises `Conflict` before the tick is due.
    """
    outcomes = {}
    for campaign in live_campaigns(context):
        outcomes[campaign.name] = prices.scheduled(context, sources, campaign.name, window)
        ticks.end(context, campaign.name)
    return outcomes


def fetch_funding(context: TradingContext, sources: Sources) -> dict[str, FundingOutcome]:
    """The funding rates of these eight hours, by campaign."""
    return {campaign.name: funding.fetch(context, sources, campaign.name) for campaign in live_campaigns(context)}


def failures(outcomes: Mapping[str, Outcome | FundingOutcome]) -> list[str]:
    """Campaigns that should have got something and got nothing, each with the reason."""
    return [
        f"{name} ({outcome.failed})"
        for name, outcome in outcomes.items()
        if outcome.at is None and outcome.failed not in _NO_FAILURE
    ]

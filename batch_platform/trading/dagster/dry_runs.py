"""Dry runs of trading's jobs: they write nothing and end with a table of what would be done."""

from collections.abc import Callable
from datetime import date

from batch_platform.kit.dry_runs import DryRun, rows_of
from batch_platform.trading.answer import text
from batch_platform.trading.dagster.partitions import instant_of
from batch_platform.trading.model import Token
from batch_platform.trading.service import TradingContext, recurring, registration, retention
from batch_platform.trading.service.recurring import days_to_accrue


def prices(context: TradingContext, partition: str) -> DryRun:
    """Tells which tokens price-update would ask the sources for."""
    rows = _tokens(context, lambda token: token.base_no is None)
    return rows, f"{len(rows)} tokens would be asked for, for the tick of {partition}"


def interest(context: TradingContext, partition: str) -> DryRun:
    """Tells which days daily-interest would accrue."""
    last = date.fromisoformat(partition)
    rows = [
        {"campaign": campaign.name, "day": str(day)}
        for campaign in recurring.live_campaigns(context)
        for day in days_to_accrue(campaign, last)
    ]
    return rows, f"{len(rows)} days would be accrued, up to {last}"


def funding(context: TradingContext) -> DryRun:
    """Tells which perpetual futures funding-rate would ask a rate for."""
    rows = _tokens(context, lambda token: token.perp_max_leverage is not None)
    return rows, f"{len(rows)} perpetual futures would be asked for"


def snapshots(context: TradingContext, partition: str) -> DryRun:
    """Tells whom portfolio-snapshot would value."""
    rows = [
        {"campaign": row["name"], "at": text(row["at"]), "players": row["players"], "taken": row["is_taken"]}
        for row in recurring.instants_of_hour(context, instant_of(partition))
    ]
    return rows, f"{sum(row['players'] for row in rows)} players would be valued"


def thinning(context: TradingContext, partition: str) -> DryRun:
    """Tells how many snapshots snapshot-retention would thin out."""
    pruned = retention.prune(context, date.fromisoformat(partition), kind="live", dry_run=True)
    return rows_of(pruned.campaigns, "campaign", "removed"), f"{pruned.removed} snapshots would go"


def distribution(context: TradingContext, campaign: str) -> DryRun:
    """Tells how many players initial-distribution would grant."""
    players = registration.distribute(context, campaign, dry_run=True)
    return [{"campaign": campaign, "players": players}], f"{players} players would be granted"


def _tokens(context: TradingContext, is_meant: Callable[[Token], bool]) -> list[dict[str, str]]:
    """Of all live campaigns."""
    return [
        {"campaign": campaign.name, "token": token.symbol}
        for campaign in recurring.live_campaigns(context)
        for token in campaign.tokens.values()
        if is_meant(token)
    ]

"""Dry runs of trading's jobs: they write nothing and end with a table of what would be done."""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from batch_platform.operations.dagster.dry_run import dry_run_result, rows_of
from batch_platform.resources.failures import dagster_failures
from batch_platform.trading.answer import text
from batch_platform.trading.dagster.partitions import instant_of
from batch_platform.trading.dagster.resource import TradingResource
from batch_platform.trading.service import recurring, registration, retention
from batch_platform.trading.service.recurring import days_to_accrue


class PartitionConfig(dg.Config):
    """Which ten minutes, hour, day or Sunday."""

    partition: str


class CampaignConfig(dg.Config):
    """Which campaign."""

    campaign: str


@dg.op(name="rehearse_prices", description="Tells which tokens price-update would ask the sources for.")
def prices(config: PartitionConfig, trading: TradingResource) -> dg.Output[None]:
    with dagster_failures(), trading.work() as work:
        asked = [
            (campaign.name, token.symbol)
            for campaign in recurring.live_campaigns(work)
            for token in campaign.tokens.values()
            if token.base_no is None
        ]
    return _of_tokens(asked, f"tokens would be asked for, for the tick of {config.partition}")


@dg.op(name="rehearse_interest", description="Tells which days daily-interest would accrue.")
def interest(config: PartitionConfig, trading: TradingResource) -> dg.Output[None]:
    day = date.fromisoformat(config.partition)
    with dagster_failures(), trading.work() as work:
        days = {campaign.name: days_to_accrue(campaign, day) for campaign in recurring.live_campaigns(work)}
    rows = [{"campaign": name, "day": str(one)} for name, found in days.items() for one in found]
    return dry_run_result(rows, f"{len(rows)} days would be accrued, up to {day}")


@dg.op(name="rehearse_funding", description="Tells which perpetual futures funding-rate would ask a rate for.")
def funding_rates(trading: TradingResource) -> dg.Output[None]:
    with dagster_failures(), trading.work() as work:
        asked = [
            (campaign.name, token.symbol)
            for campaign in recurring.live_campaigns(work)
            for token in campaign.tokens.values()
            if token.perp_max_leverage is not None
        ]
    return _of_tokens(asked, "perpetual futures would be asked for")


@dg.op(name="rehearse_snapshots", description="Tells whom portfolio-snapshot would value.")
def snapshots(config: PartitionConfig, trading: TradingResource) -> dg.Output[None]:
    with dagster_failures(), trading.work() as work:
        found = recurring.instants_of_hour(work, instant_of(config.partition))
    rows = [
        {"campaign": row["name"], "at": text(row["at"]), "players": row["players"], "taken": row["is_taken"]}
        for row in found
    ]
    return dry_run_result(rows, f"{sum(row['players'] for row in rows)} players would be valued")


@dg.op(name="rehearse_thinning", description="Tells how many snapshots snapshot-retention would thin out.")
def thinning(config: PartitionConfig, trading: TradingResource) -> dg.Output[None]:
    with dagster_failures(), trading.work() as work:
        pruned = retention.prune(work, date.fromisoformat(config.partition), kind="live", dry_run=True)
    rows = rows_of(pruned.campaigns, campaign="campaign", removed="removed")
    return dry_run_result(rows, f"{pruned.removed} snapshots would go")


@dg.op(name="rehearse_distribution", description="Tells how many players initial-distribution would grant.")
def distribution(config: CampaignConfig, trading: TradingResource) -> dg.Output[None]:
    with dagster_failures(), trading.work() as work:
        players = registration.distribute(work, config.campaign, dry_run=True)
    return dry_run_result([{"campaign": config.campaign, "players": players}], f"{players} players would be granted")


def _of_tokens(asked: Sequence[tuple[str, str]], sentence: str) -> dg.Output[None]:
    return dry_run_result([{"campaign": name, "token": token} for name, token in asked], f"{len(asked)} {sentence}")

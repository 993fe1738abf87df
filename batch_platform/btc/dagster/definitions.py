"""What Dagster sees of btc; resources come from `batch_platform.definitions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from batch_platform.btc.dagster import assets, automation, dry_runs

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build(settings: Settings) -> dg.Definitions:
    """Assets with their checks, jobs, sensor and schedules of the domain."""
    return dg.Definitions(
        assets=[assets.btc_adjustment_plan, assets.btc_adjustment_transactions, assets.btc_adjustment_report],
        jobs=[*automation.ASSET_JOBS, automation.btc_recurring, *dry_runs.JOBS],
        sensors=[automation.btc_batch_sensor],
        schedules=automation.build_schedules(settings),
    )

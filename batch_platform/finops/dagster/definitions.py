"""What Dagster sees of finops; resources come from `batch_platform.definitions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from batch_platform.finops.dagster import assets, automation, checks, dry_runs, sweeps

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build(settings: Settings) -> dg.Definitions:
    """Assets, checks, jobs, sensor and schedules of the domain."""
    return dg.Definitions(
        assets=[
            assets.cur_manifest,
            assets.cur_line_items,
            assets.publish_costs,
            assets.cost_anomalies,
            assets.cost_forecast,
        ],
        asset_checks=[checks.delivery_fresh],
        jobs=[automation.cur_fetch, automation.cur_aggregate, automation.cur_month, *sweeps.JOBS, *dry_runs.JOBS],
        sensors=[automation.cur_manifest_sensor],
        schedules=automation.build_schedules(settings),
    )

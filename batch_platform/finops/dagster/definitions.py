"""What Dagster sees of finops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from batch_platform.finops.dagster import assets, automation, checks, dry_runs, sweeps
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.finops.settings import FinopsSettings

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build(settings: Settings, given: Mapping[str, Any]) -> dg.Definitions:
    """Assets, checks, jobs, sensor and schedules of the domain, and its resource made of the platform's."""
    still = settings.of(FinopsSettings).still_minutes
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
        resources={"finops": FinopsResource(postgres=given["postgres"], s3=given["s3"], still_minutes=still)},
    )

"""What Dagster sees of btc."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from batch_platform.btc.dagster import assets, dry_runs, sensors
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.btc.settings import BtcSettings

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build(settings: Settings, given: Mapping[str, Any]) -> dg.Definitions:
    """Assets with their checks, jobs, sensor and schedules of the domain, and its resource made of the platform's."""
    shared = {name: given[name] for name in ("postgres", "s3", "dynamodb")}
    own = settings.of(BtcSettings)
    rate = own.adjustment_rate
    recurring = None if rate is None else f"{rate:f}"
    return dg.Definitions(
        assets=[assets.btc_adjustment_plan, assets.btc_adjustment_transactions, assets.btc_adjustment_report],
        jobs=[*sensors.ASSET_JOBS, sensors.btc_recurring, *dry_runs.JOBS],
        sensors=[sensors.btc_batch_sensor],
        schedules=sensors.build_schedules(settings),
        resources={
            "btc": BtcResource(**shared, env=settings.env, project=own.project, recurring_rate=recurring),
        },
    )

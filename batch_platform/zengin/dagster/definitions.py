"""What Dagster sees of zengin; resources come from `batch_platform.definitions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from batch_platform.zengin.dagster import assets, automation, checks, dry_runs, sweeps

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build(settings: Settings) -> dg.Definitions:  # noqa: ARG001 (every domain is built from the settings)
    """Assets, checks, jobs, sensor and schedules of the domain."""
    return dg.Definitions(
        assets=[assets.zengin_snapshot, assets.zengin_diff, assets.zengin_apply, assets.bank_master],
        asset_checks=[checks.source_fresh],
        jobs=[*automation.JOBS, *sweeps.JOBS, *dry_runs.JOBS],
        sensors=[automation.zengin_drop_sensor],
        schedules=automation.SCHEDULES,
    )

"""What Dagster sees of zengin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from batch_platform.zengin.dagster import assets, automation, checks, dry_runs, sweeps
from batch_platform.zengin.dagster.resource import ZenginResource
from batch_platform.zengin.settings import ZenginSettings

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build(settings: Settings, given: Mapping[str, Any]) -> dg.Definitions:
    """Assets, checks, jobs, sensor and schedules of the domain, and its resource made of the platform's."""
    shared = {name: given[name] for name in ("postgres", "s3", "dynamodb", "secrets")}
    secret_id = settings.of(ZenginSettings).database_secret_id
    return dg.Definitions(
        assets=[assets.zengin_snapshot, assets.zengin_diff, assets.zengin_apply, assets.bank_master],
        asset_checks=[checks.source_fresh],
        jobs=[*automation.JOBS, *sweeps.JOBS, *dry_runs.JOBS],
        sensors=[automation.zengin_drop_sensor],
        schedules=automation.SCHEDULES,
        resources={"zengin": ZenginResource(**shared, env=settings.env, database_secret_id=secret_id)},
    )

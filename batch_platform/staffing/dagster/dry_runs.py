"""Dry runs of staffing's jobs: they write nothing and end with a table of what would be done."""

from dataclasses import asdict
from datetime import date
from typing import Any

import dagster as dg

from batch_platform.operations.dagster.dry_run import dry_run_result
from batch_platform.resources.failures import dagster_failures
from batch_platform.staffing.dagster.resource import StaffingResource
from batch_platform.staffing.service import backups


class DayConfig(dg.Config):
    """Which day."""

    partition: str


@dg.op(name="rehearse_backup", description="Tells what daily-backup would read, and which backups it would delete.")
def backup(config: DayConfig, staffing: StaffingResource) -> dg.Output[None]:
    with dagster_failures(), staffing.backups() as opened:
        plan = backups.plan(opened, date.fromisoformat(config.partition))
    rows = [{"what": name, "value": _text(value)} for name, value in asdict(plan).items()]
    return dry_run_result(rows, f"{plan.action}: {plan.tables} tables and {plan.files} files of {plan.night}")


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)

"""How finops is partitioned: a project's billing month."""

from __future__ import annotations

from datetime import date
from typing import Final

import dagster as dg

from batch_platform.finops.months import month_start

PROJECTS: Final = dg.DynamicPartitionsDefinition(name="finops_project")

# AWS closes its billing months in UTC; the present month is a partition from its first day.
MONTHS: Final = dg.MonthlyPartitionsDefinition(start_date="2016-01", fmt="%Y-%m", timezone="UTC", end_offset=1)

PROJECT_MONTHS: Final = dg.MultiPartitionsDefinition({"month": MONTHS, "project": PROJECTS})


def partition_key(project_id: str, month: date) -> str:
    """The key Dagster shows: `2026-10|acme`."""
    return dg.MultiPartitionKey({"month": f"{month:%Y-%m}", "project": project_id})


def places(context: dg.AssetExecutionContext) -> list[tuple[str, str, date]]:
    """The (key, project, month) of every partition of this run, oldest month first."""
    keys = [PROJECT_MONTHS.get_partition_key_from_str(str(key)) for key in context.partition_keys]
    found = [(str(key), key.keys_by_dimension["project"], key.keys_by_dimension["month"]) for key in keys]
    return sorted(((key, project, month_start(month)) for key, project, month in found), key=lambda p: (p[2], p[1]))

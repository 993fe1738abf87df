"""How finops is partitioned: a project's billing month."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

import dagster as dg

from batch_platform.finops import jobs
from batch_platform.finops.months import month_start

PROJECTS: Final = dg.DynamicPartitionsDefinition(name=jobs.PROJECTS)

# AWS closes its billing months in UTC; the present month is a partition from its first day.
MONTHS: Final = dg.MonthlyPartitionsDefinition(start_date="2016-01", fmt="%Y-%m", timezone="UTC", end_offset=1)

PROJECT_MONTHS: Final = dg.MultiPartitionsDefinition({"month": MONTHS, "project": PROJECTS})


class ProjectMonth(NamedTuple):
    """Ordered as partitions are worked on: the oldest month first."""

    month: date
    project: str

    def __str__(self) -> str:
        return f"{self.project} {self.month:%Y-%m}"


def partition_key(project_id: str, month: date) -> str:
    """The key Dagster shows: `2026-10|acme`."""
    return dg.MultiPartitionKey({"month": f"{month:%Y-%m}", "project": project_id})


def places(context: dg.AssetExecutionContext) -> list[tuple[str, ProjectMonth]]:
    """The key and the project-month of every partition of this run, oldest month first."""
    keys = [PROJECT_MONTHS.get_partition_key_from_str(str(key)).keys_by_dimension for key in context.partition_keys]
    months = sorted(ProjectMonth(month_start(key["month"]), key["project"]) for key in keys)
    return [(str(partition_key(place.project, place.month)), place) for place in months]

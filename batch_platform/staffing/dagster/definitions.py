"""What staffing declares to Dagster and to the registry: a module for each group of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from batch_platform.kit.jobs import DagsterRoom, DeclaredJob
from batch_platform.staffing.dagster import daily, invoices, reports, weekly
from batch_platform.staffing.dagster.resource import StaffingResource

if TYPE_CHECKING:
    from batch_platform.settings import Settings


def build_jobs(_settings: Settings) -> tuple[DeclaredJob, ...]:
    """The jobs of the SaaS, by the ids of its own document."""
    return (*daily.jobs(), *invoices.jobs(), *reports.jobs(), *weekly.jobs())


DAGSTER: Final = DagsterRoom("staffing", StaffingResource, build_jobs)

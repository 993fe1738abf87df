"""Hands the staffing context to assets, sensors and schedules."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import load_settings
from batch_platform.staffing.opening import build_context, open_backups
from batch_platform.staffing.service import StaffingContext
from batch_platform.staffing.settings import StaffingSettings

if TYPE_CHECKING:
    from batch_platform.staffing.service.backup_context import BackupContext


def maintenance_options() -> "dict[str, Any]":
    """The folder with logs and temporary files, and what retention leaves alone."""
    settings = load_settings()
    return {"home": settings.home, "held": settings.of(StaffingSettings).legal_hold}


class StaffingResource(dg.ConfigurableResource["StaffingResource"]):
    """The staffing use cases' context, on the resources of this environment."""

    postgres: dg.ResourceDependency[PostgresResource]

    @contextmanager
    def work(self) -> Iterator[StaffingContext]:
        yield build_context(self.postgres.pool(), load_settings())

    @contextmanager
    def backups(self) -> "Iterator[BackupContext]":
        """Keys, buckets and programs are those of the settings, as the commands have them."""
        with open_backups() as context:
            yield context

"""What staffing declares to Dagster and to the registry: a module for each group of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

import dagster as dg

from batch_platform.kit.jobs import DeclaredJob, definitions
from batch_platform.staffing.dagster import daily, invoices, reports, weekly
from batch_platform.staffing.dagster.resource import StaffingResource

if TYPE_CHECKING:
    from batch_platform.settings import Settings


class Group(Protocol):
    """A module of this room: its jobs, and the assets that they make."""

    @property
    def ASSETS(self) -> Sequence[dg.AssetsDefinition]: ...

    def jobs(self, settings: Settings, /) -> Sequence[DeclaredJob]: ...


GROUPS: Final[tuple[Group, ...]] = (daily, invoices, reports, weekly)


def build(settings: Settings, given: Mapping[str, Any]) -> dg.Definitions:
    """Assets with their checks, jobs and schedules of the domain, and its resource made of the platform's."""
    return definitions(
        build_jobs(settings),
        assets=[asset for group in GROUPS for asset in group.ASSETS],
        resources={"staffing": StaffingResource(postgres=given["postgres"])},
    )


def build_jobs(settings: Settings) -> tuple[DeclaredJob, ...]:
    """The jobs of the SaaS, by the ids of its own document."""
    return tuple(job for group in GROUPS for job in group.jobs(settings))

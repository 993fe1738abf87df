"""What toy declares to Dagster and to the registry."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

import dagster as dg
from toy.service import ToyContext, toys, wind_all
from toy.settings import ToySettings

from batch_platform.core.postgres import Pool
from batch_platform.kit.dry_runs import DryRun
from batch_platform.kit.jobs import DagsterRoom, DeclaredJob, Run, job
from batch_platform.operations.model import JobParameters, Launch
from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import Settings, load_settings


class ToyResource(dg.ConfigurableResource["ToyResource"]):
    postgres: dg.ResourceDependency[PostgresResource]

    @contextmanager
    def open_context(self) -> Iterator[ToyContext]:
        yield ToyContext(self.postgres.pool(), load_settings().of(ToySettings).turns)


@dg.asset(key=["toy", "wound_toys"])
def wound_toys(context: dg.AssetExecutionContext, toy: ToyResource) -> None:
    with toy.open_context() as toy_context:
        context.add_output_metadata({"toys": wind_all(toy_context.pool, toy_context.turns)})


def count(toy_context: ToyContext) -> DryRun:
    """Tells which toys would be wound."""
    rows = toys(toy_context)
    return rows, f"{len(rows)} toys would be wound"


def build_jobs(_settings: Settings) -> tuple[DeclaredJob, ...]:
    return (
        job(
            id="TOY_001",
            name="toy-wind",
            title="Wind all toys",
            description="Gives every toy its turns.",
            domain="toy",
            plan=_plan,
            runs=[Run("toy_wind", [wound_toys], "Wind all toys.")],
            dry_run=count,
            permission="toys:wind",
        ),
    )


def _plan(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    return Launch("toy_wind_dry_run" if parameters.dry_run else "toy_wind")


DAGSTER: Final = DagsterRoom("toy", ToyResource, build_jobs)

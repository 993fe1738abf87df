"""What toy declares to Dagster and to the registry."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dagster as dg
from toy.service import ToyContext, toys, wind_all
from toy.settings import ToySettings

from batch_platform.core.postgres import Pool
from batch_platform.kit.jobs import DeclaredJob, Run, definitions, job
from batch_platform.operations.model import JobParameters, Launch
from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import Settings


class ToyResource(dg.ConfigurableResource["ToyResource"]):
    postgres: dg.ResourceDependency[PostgresResource]
    turns: int


@dg.asset(key=["toy", "wound_toys"], group_name="toy")
def wound_toys(context: dg.AssetExecutionContext, toy: ToyResource) -> None:
    context.add_output_metadata({"toys": wind_all(toy.postgres.pool(), toy.turns)})


@dg.op
def count_toys(context: dg.OpExecutionContext, toy: ToyResource) -> None:
    context.add_output_metadata({"toys": len(toys(ToyContext(toy.postgres.pool(), toy.turns)))})


def build(settings: Settings, given: Mapping[str, Any]) -> dg.Definitions:
    turns = settings.of(ToySettings).turns
    return definitions(
        build_jobs(settings),
        assets=[wound_toys],
        resources={"toy": ToyResource(postgres=given["postgres"], turns=turns)},
    )


def build_jobs(settings: Settings) -> tuple[DeclaredJob, ...]:
    return (
        job(
            id="TOY_001",
            name="toy-wind",
            title="Wind all toys",
            description="Gives every toy its turns.",
            domain="toy",
            plan=_plan,
            runs=[Run("toy_wind", [wound_toys], "Wind all toys.")],
            dry_run=count_toys,
            permission="toys:wind",
        ),
    )


def _plan(pool: Pool, parameters: JobParameters, now: datetime) -> Launch:
    return Launch("toy_wind_dry_run" if parameters.dry_run else "toy_wind")

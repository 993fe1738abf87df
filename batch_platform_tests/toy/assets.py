"""What Dagster sees of toy."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from toy.service import wind_all
from toy.settings import ToySettings

from batch_platform.resources.postgres import PostgresResource
from batch_platform.settings import Settings


class ToyResource(dg.ConfigurableResource["ToyResource"]):
    postgres: dg.ResourceDependency[PostgresResource]
    turns: int


@dg.asset(key=["toy", "wound_toys"], group_name="toy")
def wound_toys(context: dg.AssetExecutionContext, toy: ToyResource) -> None:
    context.add_output_metadata({"toys": wind_all(toy.postgres.pool(), toy.turns)})


toy_wind = dg.define_asset_job("toy_wind", [wound_toys])


def build(settings: Settings, given: Mapping[str, Any]) -> dg.Definitions:
    turns = settings.of(ToySettings).turns
    return dg.Definitions(
        assets=[wound_toys],
        jobs=[toy_wind],
        resources={"toy": ToyResource(postgres=given["postgres"], turns=turns)},
    )

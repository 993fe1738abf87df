"""The platform's definitions for tests of the whole: the sensor of finops looks every five seconds, the daemon's own
pace, not every thirty, and the plots of costs, a third of such a small run's time, are left out."""

from typing import Any

import dagster as dg

from batch_platform.definitions import build_definitions
from batch_platform.finops.dagster import run_metadata
from batch_platform.settings import load_settings


class _NoPlots:
    def __getattr__(self, name: str) -> Any:
        return lambda *given, **options: None


@dg.definitions
def defs() -> dg.Definitions:
    run_metadata.plots = _NoPlots()  # type: ignore[assignment]
    run_metadata.plot = lambda figure: dg.MetadataValue.md("")
    built = build_definitions(load_settings())
    for sensor in built.sensors or ():
        if sensor.name == "cur_manifest_sensor":
            sensor._min_interval = 5
    return built

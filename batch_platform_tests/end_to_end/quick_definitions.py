"""The platform's definitions with a sensor of finops that looks every five seconds, the daemon's own pace, not every
thirty."""

import dagster as dg

from batch_platform.definitions import build_definitions
from batch_platform.settings import load_settings


@dg.definitions
def defs() -> dg.Definitions:
    built = build_definitions(load_settings())
    for sensor in built.sensors or ():
        if sensor.name == "cur_manifest_sensor":
            sensor._min_interval = 5
    return built

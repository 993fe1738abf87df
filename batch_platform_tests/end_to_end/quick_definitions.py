"""The platform's definitions for tests of the whole, quicker in three ways.

The sensor of finops looks every five seconds, the daemon's own pace, not every thirty. The plots of costs, a third of
such a small run's time, are left out. Runs have their processes forked from one that has loaded the platform.
"""

import multiprocessing

import dagster as dg
from dagster._grpc.server import DagsterApiServer

from batch_platform.definitions import build_definitions
from batch_platform.settings import load_settings
from batch_platform_tests.finops.no_plots import leave_plots_out
from batch_platform_tests.forks import LOADED


def fork_runs() -> None:
    """In the code server, whose processes of runs are of this context."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([LOADED])
    DagsterApiServer._mp_ctx = property(lambda server: forks, lambda server, given: None)  # type: ignore[assignment]


@dg.definitions
def defs() -> dg.Definitions:
    fork_runs()
    leave_plots_out()
    built = build_definitions(load_settings())
    for sensor in built.sensors or ():
        if sensor.name == "cur_manifest_sensor":
            sensor._min_interval = 5
    return built

"""Small Dagster jobs that work, wait, fail, or rehearse."""

import threading
from typing import Final

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError

from batch_platform.kit.dry_runs import output_of
from batch_platform_tests.waiting import PATIENCE

GATE: Final = threading.Event()
"""What the slow job waits for."""
STOP: Final = threading.Event()
"""While it is set, what waited is interrupted."""
MENDED: Final = threading.Event()
"""While it is set, what fails succeeds."""


@dg.op(config_schema={"mode": str, "rows": int})
def count(context: dg.OpExecutionContext) -> None:
    mode, rows = context.op_config["mode"], context.op_config["rows"]
    context.log.info(f"counting {rows} rows")
    if mode == "wait":
        GATE.wait(PATIENCE)
        if STOP.is_set():
            raise DagsterExecutionInterruptedError
    if mode == "fail" and not MENDED.is_set():
        raise dg.Failure(f"row {rows} of the table cannot be read: <b>it is torn</b>", allow_retries=False)


@dg.op(config_schema={"mode": str, "rows": int})
def rehearse(context: dg.OpExecutionContext) -> dg.Output[None]:
    rows = [{"row": row, "name": f"name <{row}>", "amount": f"{row}.10"} for row in range(context.op_config["rows"])]
    return output_of(rows, f"{len(rows)} rows")


@dg.job
def web_count() -> None:
    count()


@dg.job
def web_count_dry_run() -> None:
    rehearse()


@dg.job
def web_sweep() -> None:
    count()


@dg.job
def web_day() -> None:
    count()


DAGSTER_JOBS: Final = {job.name: job for job in (web_count, web_count_dry_run, web_sweep, web_day)}

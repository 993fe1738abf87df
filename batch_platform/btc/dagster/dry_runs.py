"""Dry runs of the btc jobs: Dagster jobs that write nothing and end with a table of what would be done."""

from typing import Final

import dagster as dg

from batch_platform.btc import service
from batch_platform.btc.dagster import run_metadata
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.btc.dagster.sensors import recurring_rate
from batch_platform.btc.model import REVERSIBLE
from batch_platform.btc.money import btc_text
from batch_platform.operations.dagster.dry_run import dry_run_result
from batch_platform.resources.failures import dagster_failures

_TAGS: Final = {"dagster/max_runtime": "3600"}


class AdjustmentRehearsalConfig(dg.Config):
    """Which batch to rehearse."""

    batch_id: str


@dg.op(description="Tells which rows of the batch btc-adjustment would book.")
def rehearse_adjustment(config: AdjustmentRehearsalConfig, btc: BtcResource) -> dg.Output[None]:
    with dagster_failures(), btc.work() as work:
        batch = service.batch(work, config.batch_id)
        if batch.status not in REVERSIBLE:
            batch = service.ready(work, config.batch_id)
        rows = run_metadata.by_state(work, batch)
    left = sum(row["users"] for row in rows if row["state"] == "pending")
    return dry_run_result(rows, f"{left} users of batch {batch.batch_id} would be booked")


@dg.op(description="Tells what a batch of the rate in the settings would hold, planned now.")
def rehearse_recurring(btc: BtcResource) -> dg.Output[None]:
    with dagster_failures(), btc.work() as work:
        found = service.preview(work, recurring_rate(btc))
        rows = run_metadata.of_draft(found)
    return dry_run_result(
        rows,
        f"{found.summary.targets} users would get {btc_text(found.plan_sum)} BTC together (plan {found.plan_sha256})",
    )


@dg.job(description="Dry run of btc-adjustment.", tags=_TAGS)
def btc_adjustment_dry_run() -> None:
    rehearse_adjustment()


@dg.job(description="Dry run of btc-recurring.", tags=_TAGS)
def btc_recurring_dry_run() -> None:
    rehearse_recurring()


JOBS: Final = [btc_adjustment_dry_run, btc_recurring_dry_run]

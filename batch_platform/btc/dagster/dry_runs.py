"""Dry runs of the btc jobs: they write nothing and end with a table of what would be done."""

import dagster as dg

from batch_platform.btc import service
from batch_platform.btc.dagster import run_metadata
from batch_platform.btc.dagster.recurring import recurring_rate
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.btc.model import REVERSIBLE
from batch_platform.btc.money import btc_text
from batch_platform.operations.dagster.dry_run import dry_run_result
from batch_platform.resources.failures import dagster_failures


class AdjustmentConfig(dg.Config):
    """Which batch."""

    batch_id: str


@dg.op(name="rehearse_adjustment", description="Tells which rows of the batch btc-adjustment would book.")
def adjustment(config: AdjustmentConfig, btc: BtcResource) -> dg.Output[None]:
    with dagster_failures(), btc.work() as work:
        batch = service.batch(work, config.batch_id)
        if batch.status not in REVERSIBLE:
            batch = service.require_applicable(work, config.batch_id)
        rows = run_metadata.by_state(work, batch)
    left = sum(row["users"] for row in rows if row["state"] == "pending")
    return dry_run_result(rows, f"{left} users of batch {batch.batch_id} would be booked")


@dg.op(
    name="rehearse_recurring",
    description="Tells what a batch of the rate in the settings would hold, planned now.",
)
def recurring(btc: BtcResource) -> dg.Output[None]:
    with dagster_failures(), btc.work() as work:
        draft = service.preview(work, recurring_rate(btc))
        rows = run_metadata.of_draft(draft)
    total, users = btc_text(draft.plan_sum), draft.summary.targets
    return dry_run_result(rows, f"{users} users would get {total} BTC together (plan {draft.plan_sha256})")

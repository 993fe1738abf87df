"""Dry runs of the btc jobs: they write nothing and end with a table of what would be done."""

from batch_platform.btc import service
from batch_platform.btc.dagster import run_metadata
from batch_platform.btc.dagster.recurring import recurring_rate
from batch_platform.btc.model import REVERSIBLE
from batch_platform.btc.money import btc_text
from batch_platform.btc.service import BtcContext
from batch_platform.kit.dry_runs import DryRun


def adjustment(context: BtcContext, batch_id: str) -> DryRun:
    """Tells which rows of the batch btc-adjustment would book."""
    batch = service.batch(context, batch_id)
    if batch.status not in REVERSIBLE:
        batch = service.require_applicable(context, batch_id)
    rows = run_metadata.by_state(context, batch)
    left = sum(row["users"] for row in rows if row["state"] == "pending")
    return rows, f"{left} users of batch {batch.batch_id} would be booked"


def recurring(context: BtcContext) -> DryRun:
    """Tells what a batch of the rate in the settings would hold, planned now."""
    draft = service.preview(context, recurring_rate())
    total, users = btc_text(draft.plan_sum), draft.summary.targets
    sentence = f"{users} users would get {total} BTC together (plan {draft.plan_sha256})"
    return run_metadata.of_draft(draft), sentence

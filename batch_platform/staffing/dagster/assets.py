"""The assets of days: each calls one use case per partition and tells what it did."""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any, Final

import dagster as dg

from batch_platform.core.failures import TransientFailure
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.kit import assets
from batch_platform.kit.assets import Metadata, show
from batch_platform.resources.failures import dagster_failures
from batch_platform.staffing.dagster import checks, run_metadata
from batch_platform.staffing.dagster.partitions import ENDED_DAYS, RUN_DAYS, days
from batch_platform.staffing.dagster.resource import StaffingResource
from batch_platform.staffing.jobs import BACKUP_RETRY, STATUS_RETRY
from batch_platform.staffing.opening import open_backups
from batch_platform.staffing.service import StaffingContext, accounts, backups, invariants, statuses, usage

IN_ONE_RUN: Final = dg.BackfillPolicy.single_run()

_NIGHTS_PLOTTED: Final = 60

asset = partial(assets.asset, "staffing", days)


@asset(
    kinds={"postgres"},
    partitions_def=RUN_DAYS,
    check_specs=checks.STATUS_CHECKS,
    verify=checks.status_results,
    retry=STATUS_RETRY,
)
def engineer_status(staffing_context: StaffingContext, day: date) -> Metadata:
    """The status of every engineer on the day as it was known at 02:00 (staffing.status_changes, where it changed),
    never rewritten; the same day again adds corrections. The newest day sets staffing.engineers.status."""
    return run_metadata.of_statuses(staffing_context, statuses.write_day(staffing_context, day))


@asset(kinds={"postgres"}, partitions_def=RUN_DAYS, deps=[engineer_status], retry=STATUS_RETRY)
def account_findings(staffing_context: StaffingContext, day: date) -> Metadata:
    """Companies past the end of their contracts, and users who have not signed in for 90 days
    (staffing.account_findings), as of the newest day."""
    return run_metadata.of_findings(accounts.check(staffing_context, day))


def _of_a_day(name: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        ["staffing", name],
        description=description,
        kinds={"postgres"},
        partitions_def=ENDED_DAYS,
    )


@dg.multi_asset(
    name="staffing_day",
    specs=[
        _of_a_day(
            "company_usage",
            "What each company used on the day (staffing.usage_days): totals and storage as of its end, the others "
            "within it. Totals that were loaded stay.",
        ),
        _of_a_day("system_stats", "The whole system on the day (staffing.system_stats), with uptime by heartbeats."),
        _of_a_day(
            "engineer_activity",
            "What the engineers of each company did and got on the day (staffing.engineer_activity).",
        ),
        _of_a_day("approach_metrics", "Approaches sent, opened, replied to on the day (staffing.approach_metrics)."),
    ],
    check_specs=checks.USAGE_CHECKS,
    backfill_policy=IN_ONE_RUN,
)
def staffing_day(context: dg.AssetExecutionContext, staffing: StaffingResource) -> Iterator[Any]:
    with dagster_failures(context, STANDARD_RETRY), staffing.open_context() as staffing_context:
        looked_at = []
        for key, day in days(context):
            done = usage.aggregate(staffing_context, day)
            for name, metadata in run_metadata.of_day(staffing_context, done).items():
                show(context, metadata, asset=dg.AssetKey(["staffing", name]), partition=key)
            looked_at += [(key, each) for each in invariants.of_usage(staffing_context, day)]
    yield from (dg.MaterializeResult(asset_key=key) for key in staffing_day.keys)
    yield from checks.results(checks.USAGE_CHECKS, looked_at)


@dg.asset(
    key=checks.BACKUP,
    kinds={"postgres", "s3"},
    partitions_def=RUN_DAYS,
    backfill_policy=IN_ONE_RUN,
    check_specs=[checks.PROVED],
    description="The platform's database under one snapshot, and the files of the SaaS, encrypted, at every site "
    "(staffing.backups). Older ones go only after this one was proved.",
)
def backup(context: dg.AssetExecutionContext) -> Iterator[Any]:
    proofs = []
    with dagster_failures(context, BACKUP_RETRY), open_backups() as opened:
        for key, night in days(context):
            done = backups.run(opened, night)
            faults = done.proof.faults if done.proof else ()
            if faults and BACKUP_RETRY.may_retry(context.retry_number + 1):  # the next attempt makes another backup
                raise TransientFailure("several-failures", "{failures}", failures=[fault.text for fault in faults])
            nights = backups.page(opened, limit=_NIGHTS_PLOTTED)
            show(context, run_metadata.of_backup(done, nights), asset=checks.BACKUP, partition=key)
            proofs.append((night, done.proof))
    yield dg.MaterializeResult()
    yield from checks.proved(proofs)

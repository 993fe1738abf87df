"""The assets of staffing: each calls one use case per partition and tells what it did."""

from collections.abc import Iterator
from typing import Any, Final

import dagster as dg

from batch_platform.core.failures import TransientFailure
from batch_platform.kit.assets import show
from batch_platform.resources.failures import dagster_failures
from batch_platform.staffing.dagster import checks, run_metadata
from batch_platform.staffing.dagster.partitions import RUN_DAYS, days
from batch_platform.staffing.dagster.resource import StaffingResource
from batch_platform.staffing.jobs import BACKUP_RETRY
from batch_platform.staffing.service import backups

_NIGHTS_PLOTTED: Final = 60


@dg.asset(
    key=checks.BACKUP,
    group_name="staffing",
    kinds={"postgres", "s3"},
    partitions_def=RUN_DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[checks.PROVED],
    description="The platform's database under one snapshot, and the files of the SaaS, encrypted, at every site "
    "(staffing.backups). Older ones go only after this one was proved.",
)
def backup(context: dg.AssetExecutionContext, staffing: StaffingResource) -> Iterator[Any]:
    proofs = []
    with dagster_failures(context, BACKUP_RETRY), staffing.backups() as opened:
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

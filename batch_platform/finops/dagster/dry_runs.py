"""Dry runs of both batches: they write nothing and end with a table of what would be done."""

import dagster as dg

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops import service
from batch_platform.finops.dagster.all_projects import AllProjectsConfig
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.operations.dagster.dry_run import dry_run_result, rows_of
from batch_platform.resources.failures import dagster_failures


@dg.op(
    name="rehearse_fetch", description="Looks at the manifests as cur-fetch does and tells what it would register."
)
def fetch(context: dg.OpExecutionContext, config: AllProjectsConfig, finops: FinopsResource) -> dg.Output[None]:
    with dagster_failures(), finops.work() as work:
        connections = [work.connection(config.project)] if config.project else work.enabled_connections()
        found = list(service.fetch_all(work, connections, config.at, since=config.oldest, dry_run=True))
        failed = [outcome for outcome in found if isinstance(outcome, service.Failed)]
        for failure in failed:
            context.log.error(failure.message)
        if failed and len(failed) == len(found):
            raise PermanentFailure(
                "several-failures", "{failures}", failures=[failure.error.message for failure in failed]
            )
        empty = [] if found or config.at else connections
        silent = (service.nothing_newer(work, project, since=config.oldest) for project in empty)
        notes = [sentence for sentence in silent if sentence]
    seen = [outcome for outcome in found if isinstance(outcome, service.FetchOutcome)]
    rows = rows_of(
        seen,
        project="project_id",
        month=lambda outcome: f"{outcome.month:%Y-%m}",
        delivery="status.value",
        files="files",
        bytes="total_bytes",
        manifest_version=lambda outcome: outcome.version or "",
        note=lambda outcome: outcome.note or "",
    )
    new, withdrawn = (
        sum(outcome.status is status for outcome in seen)
        for status in (service.FetchStatus.REGISTERED, service.FetchStatus.WITHDRAWN)
    )
    sentences = [
        f"{new} of {len(seen)} months have a new delivery",
        *([f"{withdrawn} would be withdrawn"] if withdrawn else []),
        f"{len(failed)} could not be read",
        *notes,
    ]
    return dry_run_result(rows, "; ".join(sentences))


@dg.op(
    name="rehearse_aggregate",
    description="Looks at the registered files as cur-aggregate does and tells which it would read.",
)
def aggregate(config: AllProjectsConfig, finops: FinopsResource) -> dg.Output[None]:
    with dagster_failures(), finops.work() as work:
        ready = service.ready_months(work, config.project, config.at, limit=config.limit)
    rows = rows_of(
        ready,
        project="project_id",
        month=lambda month: f"{month.month:%Y-%m}",
        files_to_read="files_to_read",
        files="files",
        bytes_to_read="bytes_to_read",
        would_be_published="completes",
        manifest_version="version",
    )
    files, complete = sum(month.files_to_read for month in ready), sum(month.completes for month in ready)
    return dry_run_result(rows, f"{files} files would be read, {complete} of {len(ready)} months published")

"""Dry runs of both batches: they write nothing and end with a table of what would be done."""

import dagster as dg

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops import service
from batch_platform.finops.dagster.all_projects import first_day
from batch_platform.finops.service import FetchStatus, FinopsContext
from batch_platform.kit.dry_runs import DryRun, rows_of


def fetch(
    context: FinopsContext, project: str | None = None, month: str | None = None, since: str | None = None
) -> DryRun:
    """Looks at the manifests as cur-fetch does and tells what it would register."""
    connections = [context.connection(project)] if project else context.enabled_connections()
    at, oldest = first_day(month), first_day(since)
    outcomes = list(service.fetch_all(context, connections, at, since=oldest, dry_run=True))
    failed = [outcome for outcome in outcomes if isinstance(outcome, service.Failed)]
    for failure in failed:
        dg.get_dagster_logger().error(failure.message)
    if failed and len(failed) == len(outcomes):
        raise PermanentFailure(
            "several-failures", "{failures}", failures=[failure.error.message for failure in failed]
        )
    empty = [] if outcomes or at else connections
    silent = [service.nothing_newer(context, connection, since=oldest) for connection in empty]
    seen = [outcome for outcome in outcomes if isinstance(outcome, service.FetchOutcome)]
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
        for status in (FetchStatus.REGISTERED, FetchStatus.WITHDRAWN)
    )
    sentences = [
        f"{new} of {len(seen)} months have a new delivery",
        f"{withdrawn} would be withdrawn" if withdrawn else None,
        f"{len(failed)} could not be read",
        *silent,
    ]
    return rows, "; ".join(filter(None, sentences))


def aggregate(
    context: FinopsContext, project: str | None = None, month: str | None = None, limit: int = 100
) -> DryRun:
    """Looks at the registered files as cur-aggregate does and tells which it would read."""
    ready = service.ready_months(context, project, first_day(month), limit=limit)
    rows = rows_of(
        ready,
        project="project_id",
        month=lambda each: f"{each.month:%Y-%m}",
        files_to_read="files_to_read",
        files="files",
        bytes_to_read="bytes_to_read",
        would_be_published="completes",
        manifest_version="version",
    )
    files, complete = sum(each.files_to_read for each in ready), sum(each.completes for each in ready)
    return rows, f"{files} files would be read, {complete} of {len(ready)} months published"

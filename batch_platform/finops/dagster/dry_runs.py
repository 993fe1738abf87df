"""Dry runs of both batches: Dagster jobs that write nothing and end with a table of what would be done."""

from typing import Any, Final

import dagster as dg

from batch_platform.core.failures import PermanentFailure
from batch_platform.finops import service
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.finops.months import month_start
from batch_platform.operations.dagster.dry_run import dry_run_result
from batch_platform.resources.failures import dagster_failures


class RehearsalConfig(dg.Config):
    """What to rehearse; nothing named: every enabled project, every polled month."""

    project: str | None = None
    month: str | None = None  # YYYY-MM
    since: str | None = None  # YYYY-MM, for the fetch
    limit: int = 100  # files to claim at most, for the aggregation


@dg.op(description="Looks at the manifests as cur-fetch does and tells what it would register.")
def rehearse_fetch(
    context: dg.OpExecutionContext, config: RehearsalConfig, finops: FinopsResource
) -> dg.Output[None]:
    with dagster_failures(), finops.work() as work:
        connections = [work.connection(config.project)] if config.project else work.enabled_connections()
        month = month_start(config.month) if config.month else None
        since = month_start(config.since) if config.since else None
        found = list(service.fetch_all(work, connections, month, since=since, dry_run=True))
        failed = [one for one in found if isinstance(one, service.Failed)]
        for failure in failed:
            context.log.error(failure.message)
        if failed and len(failed) == len(found):
            raise PermanentFailure("; ".join(failure.message for failure in failed))
        empty = [] if found or month else connections
        told = [sentence for one in empty if (sentence := service.nothing_newer(work, one, since=since))]
    seen = [one for one in found if isinstance(one, service.FetchOutcome)]
    rows: list[dict[str, Any]] = [
        {
            "project": one.project_id,
            "month": f"{one.month:%Y-%m}",
            "delivery": one.status.value,
            "files": one.files,
            "bytes": one.total_bytes,
            "manifest_version": one.version or "",
            "note": one.note or "",
        }
        for one in seen
    ]
    new = sum(1 for one in seen if one.status is service.FetchStatus.REGISTERED)
    withdrawn = sum(1 for one in seen if one.status is service.FetchStatus.WITHDRAWN)
    sentences = [f"{new} of {len(seen)} months have a new delivery", f"{len(failed)} could not be read", *told]
    if withdrawn:
        sentences.insert(1, f"{withdrawn} would be withdrawn")
    return dry_run_result(rows, "; ".join(sentences))


@dg.op(description="Looks at the registered files as cur-aggregate does and tells which it would read.")
def rehearse_aggregate(config: RehearsalConfig, finops: FinopsResource) -> dg.Output[None]:
    with dagster_failures(), finops.work() as work:
        month = month_start(config.month) if config.month else None
        ready = service.ready_months(work, config.project, month, limit=config.limit)
    rows: list[dict[str, Any]] = [
        {
            "project": one.project_id,
            "month": f"{one.month:%Y-%m}",
            "files_to_read": one.files_to_read,
            "files": one.files,
            "bytes_to_read": one.bytes_to_read,
            "would_be_published": one.completes,
            "manifest_version": one.version,
        }
        for one in ready
    ]
    files = sum(one.files_to_read for one in ready)
    complete = sum(1 for one in ready if one.completes)
    return dry_run_result(rows, f"{files} files would be read, {complete} of {len(ready)} months published")


@dg.job(
    description="Dry run of Batch A (cur-fetch): tells what would be registered.",
    tags={"dagster/max_runtime": "1800"},
)
def cur_fetch_dry_run() -> None:
    rehearse_fetch()


@dg.job(
    description="Dry run of Batch B (cur-aggregate): tells what would be read.", tags={"dagster/max_runtime": "1800"}
)
def cur_aggregate_dry_run() -> None:
    rehearse_aggregate()


JOBS: Final = [cur_fetch_dry_run, cur_aggregate_dry_run]

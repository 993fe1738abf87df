"""Both batches over every enabled project in one run, asked for by hand without a project.

A range of partitions cannot name a set of projects (Dagster orders dynamic ones by when they were added), so these
are jobs without partitions, which record what the assets of each project-month became.
"""

from datetime import date
from typing import Any, Final

import dagster as dg

from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.finops import service
from batch_platform.finops.dagster import run_metadata
from batch_platform.finops.dagster.checks import results_of
from batch_platform.finops.dagster.partitions import PROJECTS, partition_key
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.finops.months import month_start
from batch_platform.resources.failures import dagster_failures


class SweepConfig(dg.Config):
    """Nothing named: every enabled project, every polled month."""

    project: str | None = None  # for the fetch
    month: str | None = None  # YYYY-MM
    since: str | None = None  # YYYY-MM, for the fetch
    limit: int = 100  # files to claim at most, for the aggregation


@dg.op(description="Batch A for every enabled project.")
def fetch_projects(context: dg.OpExecutionContext, config: SweepConfig, finops: FinopsResource) -> None:
    failures: list[service.Failed] = []
    with dagster_failures(context, STANDARD_RETRY), finops.work() as work:
        projects = [work.connection(config.project)] if config.project else work.enabled_connections()
        context.instance.add_dynamic_partitions(PROJECTS.name or "", [project.project_id for project in projects])
        since = month_start(config.since) if config.since else None
        looked_at = set()
        for one in service.fetch_all(work, projects, _month(config), since=since):
            looked_at.add(one.project_id)
            if isinstance(one, service.Failed):
                failures.append(_told(context, one))
            else:
                if one.note:
                    context.log.warning(f"{one.project_id} {one.month:%Y-%m}: {one.note}")
                _materialized(context, "cur_manifest", one.project_id, one.month, run_metadata.of_fetch(one))
        for project in projects:
            if project.project_id not in looked_at and (
                sentence := service.nothing_newer(work, project, since=since)
            ):
                context.log.info(sentence)
        _raise(failures)


@dg.op(description="Batch B for every enabled project.")
def aggregate_projects(context: dg.OpExecutionContext, config: SweepConfig, finops: FinopsResource) -> None:
    failures: list[service.Failed] = []
    verdicts: dict[str, Any] = {}
    with dagster_failures(context, STANDARD_RETRY), finops.work() as work:
        projects = [project.project_id for project in work.enabled_connections()]
        context.instance.add_dynamic_partitions(PROJECTS.name or "", projects)
        for one in service.aggregate_all(work, _month(config), limit=config.limit):
            place = f"{one.project_id} {one.month:%Y-%m}" if one.month else one.project_id
            if isinstance(one, service.Failed):
                failures.append(_told(context, one))
                if isinstance(one.error, service.ChecksFailed):
                    verdicts[place] = one.error.checks
                continue
            for sentence in (*one.read.errors, *one.read.put_back):
                context.log.error(sentence)
            _materialized(context, "cur_line_items", one.project_id, one.month, run_metadata.of_files(one.read))
            if one.publication.published is None:
                context.log.info(f"{place}: {one.publication.waiting_for}")
                continue
            verdicts[place] = one.publication.published.checks
            _materialized(
                context, "cost_summary", one.project_id, one.month, run_metadata.of_publication(one.publication)
            )
            shown = run_metadata.of_services(one.publication)
            _materialized(context, "cost_service_monthly", one.project_id, one.month, shown)
        for result in results_of(verdicts) if verdicts else ():
            context.log_event(_evaluation(result))  # type: ignore[arg-type]  # which it takes at run time
        _raise(failures)


def _month(config: SweepConfig) -> date | None:
    return month_start(config.month) if config.month else None


def _told(context: dg.OpExecutionContext, failure: service.Failed) -> service.Failed:
    context.log.error(failure.message)
    return failure


def _materialized(
    context: dg.OpExecutionContext, asset: str, project_id: str, month: date, metadata: dict[str, Any]
) -> None:
    context.log_event(
        dg.AssetMaterialization(["finops", asset], partition=partition_key(project_id, month), metadata=metadata)
    )


def _evaluation(result: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    assert result.asset_key is not None
    assert result.check_name is not None
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
    )


def _raise(failures: list[service.Failed]) -> None:
    """At the end, so that one project stops no other; for good only when none may get better."""
    if failures:
        kind = PermanentFailure if all(failure.error.permanent for failure in failures) else TransientFailure
        raise kind("; ".join(failure.message for failure in failures))


@dg.job(description="Batch A (cur-fetch) for every enabled project in one run.", tags={"dagster/max_runtime": "1800"})
def cur_fetch_all() -> None:
    fetch_projects()


@dg.job(
    description="Batch B (cur-aggregate) for every enabled project in one run.", tags={"dagster/max_runtime": "10800"}
)
def cur_aggregate_all() -> None:
    aggregate_projects()


JOBS: Final = [cur_fetch_all, cur_aggregate_all]

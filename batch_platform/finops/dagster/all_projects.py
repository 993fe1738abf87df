"""Both batches over every enabled project in one run, asked for by hand without a project.

A range of partitions cannot name a set of projects (Dagster orders dynamic ones by when they were added), so these
are ops without partitions, which record what the assets of each project-month became.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

import dagster as dg

from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.finops import service
from batch_platform.finops.dagster import run_metadata
from batch_platform.finops.dagster.checks import results_of
from batch_platform.finops.dagster.partitions import PROJECTS, partition_key
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.finops.model import CheckOutcome
from batch_platform.finops.months import month_start
from batch_platform.kit.assets import fail, together
from batch_platform.resources.failures import dagster_failures


class AllProjectsConfig(dg.Config):
    """Nothing named: every enabled project, every polled month."""

    project: str | None = None  # for the fetch
    month: str | None = None  # YYYY-MM
    since: str | None = None  # YYYY-MM, for the fetch
    limit: int = 100  # files to claim at most, for the aggregation


def first_day(month: str | None) -> date | None:
    """Of a month written YYYY-MM."""
    return month_start(month) if month else None


@dg.op(description="Batch A for every enabled project.")
def fetch_projects(context: dg.OpExecutionContext, config: AllProjectsConfig, finops: FinopsResource) -> None:
    failures: list[service.Failed] = []
    with dagster_failures(context, STANDARD_RETRY), finops.open_context() as finops_context:
        projects = (
            [finops_context.connection(config.project)] if config.project else finops_context.enabled_connections()
        )
        context.instance.add_dynamic_partitions(PROJECTS.name or "", [project.project_id for project in projects])
        silent, oldest = {project.project_id: project for project in projects}, first_day(config.since)
        for outcome in service.fetch_all(finops_context, projects, first_day(config.month), since=oldest):
            silent.pop(outcome.project_id, None)
            if isinstance(outcome, service.Failed):
                failures.append(outcome)
                context.log.error(outcome.message)
                continue
            if outcome.note:
                context.log.warning(f"{outcome.project_id} {outcome.month:%Y-%m}: {outcome.note}")
            _materialized(context, outcome, cur_manifest=run_metadata.of_fetch(outcome))
        for project in silent.values():
            if sentence := service.nothing_newer(finops_context, project, since=oldest):
                context.log.info(sentence)
    fail(context, together([failure.error for failure in failures]))


@dg.op(description="Batch B for every enabled project.")
def aggregate_projects(context: dg.OpExecutionContext, config: AllProjectsConfig, finops: FinopsResource) -> None:
    failures: list[service.Failed] = []
    checks: dict[str, Sequence[CheckOutcome]] = {}
    with dagster_failures(context, STANDARD_RETRY), finops.open_context() as finops_context:
        projects = [project.project_id for project in finops_context.enabled_connections()]
        context.instance.add_dynamic_partitions(PROJECTS.name or "", projects)
        for step in service.aggregate_all(finops_context, first_day(config.month), limit=config.limit):
            place = f"{step.project_id} {step.month:%Y-%m}" if step.month else step.project_id
            if isinstance(step, service.Failed):
                failures.append(step)
                context.log.error(step.message)
                checks |= {place: step.error.checks} if isinstance(step.error, service.ChecksFailed) else {}
                continue
            for sentence in (*step.read.errors, *step.read.put_back):
                context.log.error(sentence)
            _materialized(context, step, cur_line_items=run_metadata.of_files(step.read))
            if step.publication.published is None:
                context.log.info(f"{place}: {step.publication.waiting_for}")
                continue
            checks[place] = step.publication.published.checks
            _materialized(
                context,
                step,
                cost_summary=run_metadata.of_publication(step.publication),
                cost_service_monthly=run_metadata.of_services(step.publication),
            )
    for result in results_of(checks) if checks else ():
        context.log_event(_evaluation(result))  # type: ignore[arg-type]  # which it takes at run time
    fail(context, together([failure.error for failure in failures]))


def _materialized(
    context: dg.OpExecutionContext, place: service.FetchOutcome | service.AggregateStep, **assets: dict[str, Any]
) -> None:
    for asset, metadata in assets.items():
        partition = partition_key(place.project_id, place.month)
        context.log_event(dg.AssetMaterialization(["finops", asset], partition=partition, metadata=metadata))


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

"""The assets: each body calls one use case per project-month and tells the UI what it did."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, Final

import dagster as dg

from batch_platform.core.failures import PermanentFailure, PlatformError, TransientFailure
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.finops import service
from batch_platform.finops.dagster import run_metadata
from batch_platform.finops.dagster.checks import BLOCKING_CHECKS, results_of
from batch_platform.finops.dagster.partitions import PROJECT_MONTHS, places
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.resources.failures import dagster_failures

GROUP: Final = "finops"
Metadata = Mapping[str, Any]


class ReadConfig(dg.Config):
    """How much one run takes on."""

    limit: int = 0  # files to claim at most; 0: all


@dg.asset(
    key=["finops", "cur_manifest"],
    group_name=GROUP,
    kinds={"s3", "postgres"},
    description="Batch A: the newest delivery of the month, registered with its files (finops_billing_manifests, "
    "finops_billing_files). A version is the manifest's assembly and every listed object's key, ETag, size and time.",
    partitions_def=PROJECT_MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def cur_manifest(context: dg.AssetExecutionContext, finops: FinopsResource) -> None:
    absent: dict[str, bool] = {}

    def fetch(project: str, month: date) -> Metadata:
        outcome = service.fetch_month(work, work.connection(project), month)
        absent[project] = absent.get(project, True) and outcome.status is service.FetchStatus.ABSENT
        if outcome.note:
            context.log.warning(f"{project} {month:%Y-%m}: {outcome.note}")
        return run_metadata.of_fetch(outcome)

    with finops.work() as work:
        _each(context, fetch, key=cur_manifest.key)
        first = min(month for _, _, month in places(context))
        for project in [project for project, nothing in absent.items() if nothing]:
            if sentence := service.nothing_newer(work, work.connection(project), since=first):
                context.log.info(sentence)


@dg.asset(
    key=["finops", "cur_line_items"],
    group_name=GROUP,
    kinds={"parquet", "polars", "s3"},
    deps=[cur_manifest],
    description="Batch B, first half: every file of the delivery read once, without losing a digit, as Parquet in "
    "the lake. Files are claimed with leases, so several runs share a month. A file at fault is ERROR.",
    partitions_def=PROJECT_MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def cur_line_items(context: dg.AssetExecutionContext, config: ReadConfig, finops: FinopsResource) -> None:
    left = [config.limit]

    def read(project: str, month: date) -> Metadata:
        limit = left[0] if config.limit else None
        outcome = service.read_files(work, project_id=project, month=month, limit=limit)
        left[0] -= outcome.claimed
        for sentence in outcome.errors:
            context.log.error(sentence)
        if outcome.put_back:
            raise TransientFailure("; ".join(outcome.put_back))
        return run_metadata.of_files(outcome)

    with finops.work() as work:
        _each(context, read, key=cur_line_items.key)


@dg.multi_asset(
    name="publish_costs",
    specs=[
        dg.AssetSpec(
            ["finops", "cost_summary"],
            group_name=GROUP,
            kinds={"duckdb", "postgres"},
            deps=[cur_line_items],
            skippable=True,
            description="The month's cost by day, account, service, region and charge class (finops_cost_summary), "
            "replaced in one transaction when all files of the delivery are read and every blocking check holds.",
        ),
        dg.AssetSpec(
            ["finops", "cost_service_monthly"],
            group_name=GROUP,
            kinds={"postgres"},
            deps=[cur_line_items],
            skippable=True,
            description="The month's cost by account and service (finops_cost_service_monthly), written in the same "
            "transaction as cost_summary.",
        ),
    ],
    check_specs=BLOCKING_CHECKS,
    partitions_def=PROJECT_MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def publish_costs(context: dg.AssetExecutionContext, finops: FinopsResource) -> Iterator[Any]:
    summary, by_service = dg.AssetKey(["finops", "cost_summary"]), dg.AssetKey(["finops", "cost_service_monthly"])
    verdicts: dict[str, Any] = {}
    published: list[service.PublishOutcome] = []

    def publish(project: str, month: date) -> Metadata:
        outcome = service.publish_month(work, work.connection(project), month)
        if outcome.in_error:
            raise PermanentFailure(f"{project} {month:%Y-%m} is not published: {outcome.waiting_for}")
        if outcome.published is None:
            context.log.info(f"{project} {month:%Y-%m}: {outcome.waiting_for}")
            return {}
        published.append(outcome)
        verdicts[f"{project} {month:%Y-%m}"] = outcome.published.checks
        context.add_asset_metadata(
            run_metadata.of_services(outcome), asset_key=by_service, partition_key=places_by[project, month]
        )
        return run_metadata.of_publication(outcome)

    places_by = {(project, month): key for key, project, month in places(context)}
    with finops.work() as work:
        failure = _each_failure(context, publish, key=summary, verdicts=verdicts)
    yield from results_of(verdicts)
    if published:
        yield dg.MaterializeResult(asset_key=summary)
        yield dg.MaterializeResult(asset_key=by_service)
    if failure is not None:
        with dagster_failures(context, STANDARD_RETRY):
            raise failure


@dg.asset(
    key=["finops", "cost_anomalies"],
    group_name=GROUP,
    kinds={"polars", "postgres"},
    deps=[["finops", "cost_summary"]],
    description="Days on which a service cost far more or less than the median of the days before, by a robust score "
    "(finops_cost_anomalies).",
    partitions_def=PROJECT_MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def cost_anomalies(context: dg.AssetExecutionContext, finops: FinopsResource) -> None:
    def find(project: str, month: date) -> Metadata:
        if not work.is_published(project, month):
            return {}
        found = service.compute_anomalies(work, project, month)
        in_month, _ = service.daily_costs(work, project, month)
        return run_metadata.of_anomalies(project, month, found, in_month)

    with finops.work() as work:
        _each(context, find, key=cost_anomalies.key)


@dg.asset(
    key=["finops", "cost_forecast"],
    group_name=GROUP,
    kinds={"polars", "postgres"},
    deps=[["finops", "cost_summary"]],
    description="The days to come, by the same weekdays of the last weeks, with the error the method would have made "
    "on past days (finops_cost_forecasts).",
    partitions_def=PROJECT_MONTHS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def cost_forecast(context: dg.AssetExecutionContext, finops: FinopsResource) -> None:
    def expect(project: str, month: date) -> Metadata:
        if not work.is_published(project, month):
            return {}
        forecast, history = service.compute_forecast(work, project, month)
        return run_metadata.of_forecast(project, month, forecast, history)

    with finops.work() as work:
        _each(context, expect, key=cost_forecast.key)


Act = Callable[[str, date], Metadata]


def _each(context: dg.AssetExecutionContext, act: Act, *, key: dg.AssetKey) -> None:
    """Act on every partition of the run; one that fails stops no other, and the run fails at the end."""
    with dagster_failures(context, STANDARD_RETRY):
        if (failure := _each_failure(context, act, key=key)) is not None:
            raise failure


def _each_failure(
    context: dg.AssetExecutionContext, act: Act, *, key: dg.AssetKey, verdicts: dict[str, Any] | None = None
) -> PlatformError | None:
    failures: list[PlatformError] = []
    for partition, project, month in places(context):
        try:
            metadata = act(project, month)
        except PlatformError as error:
            context.log.error(error.message)  # noqa: TRY400 (the sentence says it; a traceback would not)
            failures.append(error)
            if verdicts is not None and (checks := getattr(error, "checks", None)):
                verdicts[f"{project} {month:%Y-%m}"] = checks
            continue
        if metadata:
            context.add_asset_metadata(dict(metadata), asset_key=key, partition_key=partition)
    if not failures:
        return None
    kind = PermanentFailure if all(failure.permanent for failure in failures) else TransientFailure
    return kind("; ".join(failure.message for failure in failures))

"""The assets: each body calls one use case per project-month and tells the UI what it did."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final

import dagster as dg

from batch_platform.core.failures import PermanentFailure, TransientFailure
from batch_platform.finops import service
from batch_platform.finops.dagster import run_metadata
from batch_platform.finops.dagster.checks import CHECKS, SUMMARY, results_of
from batch_platform.finops.dagster.partitions import PROJECT_MONTHS, ProjectMonth, partition_key, places
from batch_platform.finops.dagster.resource import FinopsResource
from batch_platform.finops.model import CheckOutcome
from batch_platform.finops.service import FinopsContext
from batch_platform.kit import assets
from batch_platform.kit.assets import Metadata, each_partition, fail, show

BY_SERVICE: Final = dg.AssetKey(["finops", "cost_service_monthly"])

IN_ONE_RUN: Final = dg.BackfillPolicy.single_run()

by_hand = partial(dg.asset, key_prefix="finops", partitions_def=PROJECT_MONTHS, backfill_policy=IN_ONE_RUN)
# a month that fails stops no other
asset = partial(assets.asset, "finops", places, alone=True, partitions_def=PROJECT_MONTHS)


class ReadConfig(dg.Config):
    """How much one run takes on."""

    limit: int = 0  # files to claim at most; 0: all


@by_hand(
    kinds={"s3", "postgres"},
    description="Batch A: the newest delivery of the month, registered with its files (finops_billing_manifests, "
    "finops_billing_files). A version is the manifest's assembly and every listed object's key, ETag, size and time.",
)
def cur_manifest(context: dg.AssetExecutionContext, finops: FinopsResource) -> None:
    outcomes: list[service.FetchOutcome] = []

    def fetch(place: ProjectMonth) -> Metadata:
        outcome = service.fetch_month(finops_context, finops_context.connection(place.project), place.month)
        outcomes.append(outcome)
        if outcome.note:
            context.log.warning(f"{place}: {outcome.note}")
        return run_metadata.of_fetch(outcome)

    with finops.open_context() as finops_context:
        failure = each_partition(context, places(context), fetch, asset=cur_manifest.key, alone=True)
        for sentence in service.nothing_delivered(finops_context, outcomes):
            context.log.info(sentence)
    fail(context, failure)


@by_hand(
    kinds={"parquet", "polars", "s3"},
    deps=[cur_manifest],
    description="Batch B, first half: every file of the delivery read once, without losing a digit, as Parquet in "
    "the lake. Files are claimed with leases, so several runs share a month. A file at fault is ERROR.",
)
def cur_line_items(context: dg.AssetExecutionContext, config: ReadConfig, finops: FinopsResource) -> None:
    claimed: list[int] = []

    def read(place: ProjectMonth) -> Metadata:
        limit = config.limit - sum(claimed) if config.limit else None
        outcome = service.read_files(finops_context, project_id=place.project, month=place.month, limit=limit)
        claimed.append(outcome.claimed)
        for sentence in outcome.errors:
            context.log.error(sentence)
        if outcome.put_back:
            raise TransientFailure("files-to-read-again", "{reasons}", reasons=outcome.put_back)
        return run_metadata.of_files(outcome)

    with finops.open_context() as finops_context:
        failure = each_partition(context, places(context), read, asset=cur_line_items.key, alone=True)
    fail(context, failure)


@dg.multi_asset(
    name="publish_costs",
    specs=[
        dg.AssetSpec(
            SUMMARY,
            kinds={"duckdb", "postgres"},
            deps=[cur_line_items],
            skippable=True,
            description="The month's cost by day, account, service, region and charge class (finops_cost_summary), "
            "replaced in one transaction when all files of the delivery are read and every blocking check holds.",
        ),
        dg.AssetSpec(
            BY_SERVICE,
            kinds={"postgres"},
            deps=[cur_line_items],
            skippable=True,
            description="The month's cost by account and service (finops_cost_service_monthly), written in the same "
            "transaction as cost_summary.",
        ),
    ],
    check_specs=CHECKS,
    partitions_def=PROJECT_MONTHS,
    backfill_policy=IN_ONE_RUN,
)
def publish_costs(context: dg.AssetExecutionContext, finops: FinopsResource) -> Iterator[Any]:
    checks: dict[str, Sequence[CheckOutcome]] = {}

    def publish(place: ProjectMonth) -> Metadata:
        try:
            outcome = service.publish_month(finops_context, finops_context.connection(place.project), place.month)
        except service.ChecksFailed as error:
            checks[str(place)] = error.checks
            raise
        if outcome.in_error:
            raise PermanentFailure(
                "month-waits",
                "{place} is not published: {reason}",
                place=str(place),
                reason=outcome.waiting_for or "",
            )
        if outcome.published is None:
            context.log.info(f"{place}: {outcome.waiting_for}")
            return {}
        checks[str(place)] = outcome.published.checks
        published.append(place)
        key = str(partition_key(place.project, place.month))
        show(context, run_metadata.of_services(outcome), asset=BY_SERVICE, partition=key)
        return run_metadata.of_publication(outcome)

    published: list[ProjectMonth] = []
    with finops.open_context() as finops_context:
        failure = each_partition(context, places(context), publish, asset=SUMMARY, alone=True)
    yield from results_of(checks)
    if published:
        yield dg.MaterializeResult(asset_key=SUMMARY)
        yield dg.MaterializeResult(asset_key=BY_SERVICE)
    fail(context, failure)


@asset(kinds={"polars", "postgres"}, deps=[SUMMARY])
def cost_anomalies(finops_context: FinopsContext, place: ProjectMonth) -> Metadata:
    """Days on which a service cost far more or less than the median of the days before, by a robust score
    (finops_cost_anomalies)."""
    if not finops_context.is_published(place.project, place.month):
        return {}
    anomalies = service.compute_anomalies(finops_context, place.project, place.month)
    in_month, _ = service.daily_costs(finops_context, place.project, place.month)
    return run_metadata.of_anomalies(place.project, place.month, anomalies, in_month)


@asset(kinds={"polars", "postgres"}, deps=[SUMMARY])
def cost_forecast(finops_context: FinopsContext, place: ProjectMonth) -> Metadata:
    """The days to come, by the same weekdays of the last weeks, with the error the method would have made on past
    days (finops_cost_forecasts)."""
    if not finops_context.is_published(place.project, place.month):
        return {}
    forecast, history = service.compute_forecast(finops_context, place.project, place.month)
    return run_metadata.of_forecast(place.project, place.month, forecast, history)

"""The assets: each body calls one use case per business date and tells the UI what it did."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

import dagster as dg

from batch_platform.core.failures import NotFound
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.resources.failures import dagster_failures
from batch_platform.zengin import service
from batch_platform.zengin.dagster import run_metadata
from batch_platform.zengin.dagster.checks import MASTER_CHECKS, SNAPSHOT_CHECKS, master_results, snapshot_results
from batch_platform.zengin.dagster.partitions import DAYS, days
from batch_platform.zengin.dagster.resource import ZenginResource

GROUP: Final = "zengin"
Metadata = Mapping[str, Any]


class SnapshotConfig(dg.Config):
    """What to read; nothing named: the day's drops."""

    source: str | None = None  # a path or s3:// URI
    bootstrap: bool = False  # fill an empty master


@dg.asset(
    key=["zengin", "zengin_snapshot"],
    group_name=GROUP,
    kinds={"s3", "parquet", "postgres"},
    description="A release of the bank master as its source wrote it: both tables as Parquet in the lake, with "
    "source, version and hashes. Duplicate keys stop the run and are named; branches of unknown banks are left out.",
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=SNAPSHOT_CHECKS,
)
def zengin_snapshot(context: dg.AssetExecutionContext, config: SnapshotConfig, zengin: ZenginResource) -> Any:
    taken: list[service.SnapshotOutcome] = []

    def take(day: date) -> Metadata:
        found = [config.source] if config.source else [drop.source for drop in work.drops() if drop.day == day]
        outcomes = [service.take_snapshot(work, one, day, bootstrap=config.bootstrap) for one in found]
        taken.extend(outcomes)
        return run_metadata.of_snapshot(outcomes[-1]) if outcomes else {"drops": 0}

    with zengin.work() as work:
        _each(context, take, key=zengin_snapshot.key)
    yield dg.MaterializeResult()
    yield from snapshot_results(taken)


@dg.asset(
    key=["zengin", "zengin_diff"],
    group_name=GROUP,
    kinds={"polars", "dynamodb", "s3"},
    deps=[zengin_snapshot],
    description="The newest snapshot of the day against the master: a changeset with the brake's verdict and its "
    "records, each classified and waiting for a person (zengin-data-diff). A held snapshot raises no record.",
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def zengin_diff(context: dg.AssetExecutionContext, zengin: ZenginResource) -> None:
    def compare(day: date) -> Metadata:
        try:
            proposal = service.propose(work, day)
        except NotFound as nothing:
            context.log.info(nothing.message)
            return {}
        return run_metadata.of_proposal(work, proposal)

    with zengin.work() as work:
        _each(context, compare, key=zengin_diff.key)


@dg.asset(
    key=["zengin", "zengin_apply"],
    group_name=GROUP,
    kinds={"postgres", "dynamodb"},
    deps=[zengin_diff],
    description="What was approved for the day, written into the master: a transaction a changeset, each row only if "
    "it still is as it was when it was compared. A row changed meanwhile is a conflict and stays as it is.",
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def zengin_apply(context: dg.AssetExecutionContext, zengin: ZenginResource) -> None:
    with zengin.work() as work:
        _each(context, lambda day: run_metadata.of_apply(service.apply(work, day)), key=zengin_apply.key)


@dg.asset(
    key=["zengin", "bank_master"],
    group_name=GROUP,
    kinds={"postgres"},
    deps=[zengin_apply],
    description="Banks and branches as the platform pays by (banks, branches), and how many changed over time.",
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=MASTER_CHECKS,
)
def bank_master(context: dg.AssetExecutionContext, zengin: ZenginResource) -> Any:
    with zengin.work() as work:
        _each(context, lambda day: run_metadata.of_master(work, day), key=bank_master.key)
        checks = service.check_master(work)
    yield dg.MaterializeResult()
    yield from master_results(checks)


def _each(context: dg.AssetExecutionContext, act: Callable[[date], Metadata], *, key: dg.AssetKey) -> None:
    """Act on every day of the run, oldest first. The first failure ends it: a later release builds on an earlier."""
    with dagster_failures(context, STANDARD_RETRY):
        for partition, day in days(context):
            if metadata := act(day):
                context.add_asset_metadata(dict(metadata), asset_key=key, partition_key=partition)

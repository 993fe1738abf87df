"""The assets: each body calls one use case per business date and tells the UI what it did."""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Any

import dagster as dg

from batch_platform.core.failures import NotFound
from batch_platform.kit import assets
from batch_platform.kit.assets import Metadata, each_partition
from batch_platform.zengin import service
from batch_platform.zengin.dagster import checks, run_metadata
from batch_platform.zengin.dagster.partitions import DAYS, days
from batch_platform.zengin.dagster.resource import ZenginResource
from batch_platform.zengin.service import ZenginContext

asset = partial(assets.asset, "zengin", days, partitions_def=DAYS)


class SnapshotConfig(dg.Config):
    """What to read; nothing named: the day's drops."""

    source: str | None = None  # a path or s3:// URI
    bootstrap: bool = False  # fill an empty master


@dg.asset(
    key=checks.SNAPSHOT,
    partitions_def=DAYS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    kinds={"s3", "parquet", "postgres"},
    description="A release of the bank master as its source wrote it: both tables as Parquet in the lake, with "
    "source, version and hashes. Duplicate keys stop the run and are named; branches of unknown banks are left out.",
    check_specs=checks.SNAPSHOT_CHECKS,
)
def zengin_snapshot(
    context: dg.AssetExecutionContext, config: SnapshotConfig, zengin: ZenginResource
) -> Iterator[Any]:
    taken: list[service.SnapshotOutcome] = []

    def take(day: date) -> Metadata:
        sources = (
            [config.source] if config.source else [drop.source for drop in zengin_context.drops() if drop.day == day]
        )
        outcomes = [
            service.take_snapshot(zengin_context, source, day, bootstrap=config.bootstrap) for source in sources
        ]
        taken.extend(outcomes)
        return run_metadata.of_snapshot(outcomes[-1]) if outcomes else {"drops": 0}

    with zengin.open_context() as zengin_context:
        each_partition(context, days(context), take, asset=checks.SNAPSHOT)
    yield dg.MaterializeResult()
    yield from checks.snapshot_results(taken)


@asset(kinds={"polars", "dynamodb", "s3"}, deps=[zengin_snapshot])
def zengin_diff(zengin_context: ZenginContext, day: date) -> Metadata:
    """The newest snapshot of the day against the master: a changeset with the brake's verdict and its records, each
    classified and waiting for a person (zengin-data-diff). A held snapshot raises no record."""
    try:
        return run_metadata.of_proposal(zengin_context, service.propose(zengin_context, day))
    except NotFound as nothing:
        dg.get_dagster_logger().info(nothing.message)
        return {}


@asset(kinds={"postgres", "dynamodb"}, deps=[zengin_diff])
def zengin_apply(zengin_context: ZenginContext, day: date) -> Metadata:
    """What was approved for the day, written into the master: a transaction a changeset, each row only if it still is
    as it was when it was compared. A row changed meanwhile is a conflict and stays as it is."""
    return run_metadata.of_apply(service.apply(zengin_context, day))


@asset(kinds={"postgres"}, deps=[zengin_apply], check_specs=checks.MASTER_CHECKS, verify=checks.master_results)
def bank_master(zengin_context: ZenginContext, day: date) -> Metadata:
    """Banks and branches as the platform pays by (banks, branches), and how many changed over time."""
    return run_metadata.of_master(zengin_context, day)

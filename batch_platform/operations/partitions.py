"""Partitions of assets as Dagster remembers them: when each was materialized, and that this is forgotten on purpose.

Wiping is for what was made wrongly: Dagster then shows the partition as missing and whatever asks for missing ones
makes it again. The data that was written stays until it is written over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from batch_platform.core.failures import Conflict, InvalidInput, NotFound
from batch_platform.operations.context import OperationsContext
from batch_platform.operations.model import Job
from batch_platform.operations.runner import Materialization


@dataclass(frozen=True)
class Partition:
    """One partition of an asset, with its materializations, newest first."""

    asset: str
    partition: str
    materializations: Sequence[Materialization]


def makers(ctx: OperationsContext, asset: str) -> list[Job]:
    """The jobs that make an asset. Raises `NotFound` for one that no job makes."""
    jobs = [job for job in ctx.registry if asset in job.assets]
    if not jobs:
        raise NotFound("unknown-asset", "no job makes an asset {asset}", asset=asset, field="asset")
    return jobs


def partition(ctx: OperationsContext, asset: str, key: str) -> Partition:
    """Raises `NotFound` for an unknown asset; a partition that was never made has no materialization."""
    makers(ctx, asset)
    return Partition(asset, key, ctx.dagster.materializations(asset, key))


def of_job(ctx: OperationsContext, name: str, key: str) -> list[Partition]:
    """A partition of all the assets that a job makes, by their names. Raises `NotFound` for an unknown job."""
    return [partition(ctx, asset, key) for asset in sorted(ctx.registry.get(name).assets)]


def wipeable(ctx: OperationsContext, asset: str, key: str, *, reason: str) -> Partition:
    """What would be forgotten.

    Raises `NotFound`, `InvalidInput` for an empty reason, and `Conflict` where nothing is to be forgotten or a run
    that has not ended may make it anew.
    """
    known = partition(ctx, asset, key)
    if not reason.strip():
        raise InvalidInput("wipe-reason-needed", "say why it is wiped", field="reason")
    if not known.materializations:
        raise nothing_to_wipe(known)
    run = ctx.dagster.at_work(asset, key)
    if run is not None:
        raise Conflict(
            "partition-at-work",
            "run {run} has not ended and works on the partition {partition}",
            run=run,
            partition=key,
            field="partition",
        )
    return known


def nothing_to_wipe(known: Partition) -> Conflict:
    """There is no materialization of it, or none any more."""
    return Conflict(
        "nothing-to-wipe",
        "{asset} has no materialization of the partition {partition}",
        asset=known.asset,
        partition=known.partition,
        field="partition",
    )

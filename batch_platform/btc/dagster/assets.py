"""The assets: each body calls one use case per batch and tells the UI what it did."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

import dagster as dg

from batch_platform.btc import service
from batch_platform.btc.dagster import run_metadata
from batch_platform.btc.dagster.checks import CHECKS, proof_results
from batch_platform.btc.dagster.partitions import BATCHES, batches
from batch_platform.btc.dagster.resource import BtcResource
from batch_platform.btc.model import REVERSIBLE, Batch, BatchStatus
from batch_platform.btc.proof import Proof
from batch_platform.btc.service import BtcContext
from batch_platform.core.failures import Conflict, NotFound, PermanentFailure, PlatformError
from batch_platform.core.progress import overhearing
from batch_platform.core.retry import STANDARD_RETRY
from batch_platform.kit import assets
from batch_platform.kit.assets import Metadata, each_partition
from batch_platform.resources.failures import dagster_failures

_STEPS: Final = 10
_USERS_DONE: Final = re.compile(r"(\d+) of (\d+) users")

asset = partial(
    dg.asset,
    key_prefix="btc",
    partitions_def=BATCHES,
    backfill_policy=dg.BackfillPolicy.single_run(),
)


@assets.asset("btc", batches, partitions_def=BATCHES, kinds={"dynamodb", "polars", "s3"})
def btc_adjustment_plan(btc_context: BtcContext, batch_id: str) -> Metadata:
    """The sealed rows of a batch as Parquet in the lake, with the count, sum and hash that are approved. A batch
    whose creator died before the seal is planned again; a sealed one stays as it is."""
    batch = service.replan(btc_context, batch_id)
    try:
        return run_metadata.of_plan(btc_context, batch)
    except (NotFound, PermanentFailure) as error:
        # lost or tampered with: whoever applies the batch must meet it, and so fail it
        return {"plan": error.message}


@asset(
    kinds={"dynamodb"},
    deps=[btc_adjustment_plan],
    description="The rows of an approved batch in the ledger, each written once with its balance whoever writes it: "
    "a batch whose worker died is resumed, what another one has is waited for. One that has ended, or was "
    "cancelled, stays as it is.",
    check_specs=CHECKS,
)
def btc_adjustment_transactions(context: dg.AssetExecutionContext, btc: BtcResource) -> Iterator[Any]:
    proofs: list[Proof] = []

    def apply(batch_id: str) -> Metadata:
        try:
            ended = _applied(context, btc_context, batch_id)
        except PermanentFailure:
            # what is wrong is shown by the checks, too
            with suppress(PlatformError):
                proofs.append(service.proof(btc_context, batch_id))
            raise
        proofs.append(_proof(btc_context, ended))
        return run_metadata.of_transactions(ended)

    with btc.open_context() as btc_context:
        try:
            each_partition(context, batches(context), apply, asset=btc_adjustment_transactions.key)
        except dg.Failure:
            yield from proof_results(proofs)
            raise
    yield dg.MaterializeResult()
    yield from proof_results(proofs)


@asset(
    kinds={"polars"},
    deps=[btc_adjustment_transactions],
    description="What a batch has booked: counts, sum, amounts by size, the largest changes and who failed. Whoever "
    "is to be told of the batch is told now.",
)
def btc_adjustment_report(context: dg.AssetExecutionContext, btc: BtcResource) -> None:
    def report(batch_id: str) -> Metadata:
        return run_metadata.of_report(btc_context, service.batch(btc_context, batch_id))

    with btc.open_context() as btc_context:
        each_partition(context, batches(context), report, asset=btc_adjustment_report.key)
        with dagster_failures(context, STANDARD_RETRY):
            service.publish(btc_context, btc.pool())


def _applied(context: dg.AssetExecutionContext, btc_context: BtcContext, batch_id: str) -> Batch:
    """Apply one batch, or wait while another worker does; the batch as it has ended. Raises `Conflict`."""
    batch = service.batch(btc_context, batch_id)
    if batch.status is BatchStatus.CANCELLED:
        context.log.info(f"batch {batch_id} is cancelled: nothing to apply")
        return batch
    with overhearing(Tenths(context.log.info)):
        ended = service.run_when_free(btc_context, batch_id)
    if ended.status not in REVERSIBLE:
        why = ended.error_message
        raise Conflict(
            "batch-ended-elsewhere",
            "batch {batch} was {status} by another worker: {reason}",
            batch=batch_id,
            status=ended.status.word,
            reason=why or "–",
            field="batch_id",
        )
    return ended


def _proof(btc_context: BtcContext, batch: Batch) -> Proof:
    """The proof of a batch that has ended, with the balances where its rows can be read."""
    proof = service.proof(btc_context, batch.batch_id)
    if "hash_equal" not in {check.name for check in proof.checks if check.ok}:
        return proof
    return replace(proof, checks=(*proof.checks, service.check_balances_after(btc_context, batch.batch_id)))


class Tenths:
    """Passes on what is reported, of users who are done each tenth only."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told = -1

    def __call__(self, message: str) -> None:
        match = _USERS_DONE.search(message)
        if match is not None:
            done, users = int(match[1]), int(match[2])
            step = done * _STEPS // users if users else _STEPS
            if step <= self._told:
                return
            self._told = step
        self._tell(message)

"""What routes and pages of btc work with, and how an approved batch is handed to Dagster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, cast

from fastapi import Depends, Request

from batch_platform.btc import service
from batch_platform.btc.jobs import ADJUSTMENT
from batch_platform.btc.model import Batch
from batch_platform.btc.service import BtcContext
from batch_platform.core.failures import Conflict, TransientFailure
from batch_platform.operations import service as operations
from batch_platform.operations.context import OperationsContext
from batch_platform.web import audit
from batch_platform.web.access.dependencies import current
from batch_platform.web.context import web_of

HOME: Final = "/console/admin/batch-operations"


@dataclass(frozen=True)
class BtcSite:
    """The use cases' context, and operations, which asks Dagster for runs."""

    work: BtcContext
    operations: OperationsContext


async def site_of(request: Request) -> BtcSite:
    """What the server put into the app's state. (A coroutine costs no thread.)"""
    return cast(BtcSite, request.app.state.btc)


Site = Annotated[BtcSite, Depends(site_of)]


def started(site: BtcSite, batch: Batch, *, by: str) -> Batch:
    """Start an approved batch and ask for its run; one that still waits for a person stays as it is.

    Where Dagster cannot be asked now, its sensor finds the batch later: the start itself is not lost.
    """
    if not service.is_approved(batch, site.work.options):
        return batch
    try:
        batch = service.start(site.work, batch.batch_id)
    except Conflict:
        # ended or cancelled meanwhile: the caller is told what it is
        return service.batch(site.work, batch.batch_id)
    if not batch.is_open:
        return batch
    try:
        operations.execute(
            site.operations,
            ADJUSTMENT,
            {"batchId": batch.batch_id},
            by=by,
            # of each worker's failure there may be one resumption
            idempotency_key=f"{batch.batch_id} {batch.fencing}",
        )
    except TransientFailure:
        return batch
    return batch


def told(request: Request, what: str, before: Batch | None, after: Batch) -> None:
    """A row of the audit log for a decision about a batch."""
    web = web_of(request)
    audit.audited(web.pool, request, what, after.batch_id, None if before is None else brief(before), brief(after))


def brief(batch: Batch) -> dict[str, str | int | list[str] | None]:
    """What the audit log says of a batch."""
    return {
        "status": batch.status.value,
        "adjustment_rate": str(batch.adjustment_rate),
        "target_user_count": batch.target_user_count,
        "plan_sha256": batch.plan_sha256,
        "approvals": [approval.account for approval in batch.approvals],
        "reverses": batch.reverses,
    }


def subject(request: Request) -> str:
    """Who is asking, as batches and the audit log name them."""
    return current(request).subject

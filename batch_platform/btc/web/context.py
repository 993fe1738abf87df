"""What routes and pages of btc work with, and how an approved batch is handed to Dagster."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, cast

import structlog
from fastapi import Depends, Request

from batch_platform.btc import service
from batch_platform.btc.jobs import ADJUSTMENT
from batch_platform.btc.model import Batch, BatchStatus
from batch_platform.btc.opening import open_work
from batch_platform.btc.service import BtcContext
from batch_platform.core import audit, postgres
from batch_platform.core.failures import Conflict, PlatformError
from batch_platform.kit.domain import AppContext
from batch_platform.operations import service as operations
from batch_platform.operations.context import OperationsContext
from batch_platform.web.access.dependencies import current
from batch_platform.web.context import log_of, web_of

HOME: Final = "/console/admin/batch-operations"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class BtcSite:
    """The use cases' context, and operations, which asks Dagster for runs."""

    work: BtcContext
    operations: OperationsContext


def open_state(app: AppContext) -> BtcSite:
    """It holds nothing that has to be closed."""
    return BtcSite(open_work(app.settings, clock=app.web.clock), app.operations)


async def site_of(request: Request) -> BtcSite:
    """What the server put into the app's state. (A coroutine costs no thread.)"""
    return cast(BtcSite, request.app.state.btc)


Site = Annotated[BtcSite, Depends(site_of)]


def started(site: BtcSite, batch: Batch, *, by: str) -> Batch:
    """Start an approved batch and ask for its run; one that still waits for a person, or has ended, stays as it is.

    One that a worker has in hand is left to it. Where Dagster cannot be asked now, its sensor finds the batch later:
    the start itself is not lost.
    """
    if not batch.is_open or not service.is_approved(batch, site.work.options):
        return batch
    try:
        batch = service.submit(site.work, batch.batch_id)
    except Conflict:
        # ended or cancelled meanwhile: the caller is told what it is
        return service.batch(site.work, batch.batch_id)
    if batch.is_open and not service.is_held(site.work, batch):
        _ask(site, batch, by=by)
    return batch


def resumed(site: BtcSite, batch_id: str, *, by: str) -> Batch:
    """Go on with a batch that failed, whose worker died, or that was approved and has not begun.

    Raises `Conflict` where there is nothing to go on with, and while a worker that may be alive has it in hand.
    """
    batch = service.require_applicable(site.work, batch_id)
    if service.is_held(site.work, batch):
        until = batch.lease_expires_at
        raise Conflict(
            "batch-worked-on",
            "batch {batch} is worked on: its lease ends at {until}",
            batch=batch_id,
            until=f"{until:%Y-%m-%dT%H:%M:%SZ}",
            field="status",
        )
    batch = service.submit(site.work, batch_id)
    if batch.status is BatchStatus.PROCESSING:
        _ask(site, batch, by=by)
    return batch


def _ask(site: BtcSite, batch: Batch, *, by: str) -> None:
    """Ask for a run of the batch: one for each worker that it loses, and another where that one has ended."""
    asked = {"batchId": batch.batch_id}
    try:
        run = operations.execute(
            site.operations, ADJUSTMENT, asked, by=by, idempotency_key=f"{batch.batch_id} {batch.fencing}"
        )
        # a run that was cancelled in the queue never came to a worker of its own
        if run.status.ended and service.batch(site.work, batch.batch_id) == batch:
            operations.execute(site.operations, ADJUSTMENT, asked, by=by)
    except PlatformError as error:
        _log.warning("the sensor has to find a started batch", batch=batch.batch_id, reason=error.message)


def told(request: Request, what: str, before: Batch | None, after: Batch) -> None:
    """A row of the audit log for a decision about a batch."""
    log = log_of(request)
    with postgres.transaction(log.pool) as own:
        log.record(own, what, after.batch_id, None if before is None else brief(before), brief(after))


def told_once(request: Request, what: str, after: Batch, before: Batch | None = None) -> None:
    """As `told`, unless the same account has a row of this already: of a call that was answered by an error, or not
    at all, and came again."""
    log = audit.AuditStore(web_of(request).pool)
    if not log.rows(who=subject(request), what=what, target=after.batch_id, limit=1):
        told(request, what, before, after)


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

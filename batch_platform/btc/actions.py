"""What people do with batches, alike for API, console and command line; each write leaves one row in the audit log.

Where batches are kept there is no audit log: its row is written before the deed, and gets its outcome afterwards.
What is refused as things stand leaves none. Whoever was killed and comes again meets the row that is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import structlog

from batch_platform.btc import service
from batch_platform.btc.jobs import ADJUSTMENT
from batch_platform.btc.model import REVERSIBLE, Batch, BatchStatus, check
from batch_platform.btc.money import parse_rate
from batch_platform.btc.service import BtcContext, Overrides, SeedOutcome, review
from batch_platform.btc.service.plan import AS_SET
from batch_platform.btc.store import IdempotencyKey
from batch_platform.core.audit import AuditStore
from batch_platform.core.failures import Conflict, PermanentFailure, PlatformError, TransientFailure
from batch_platform.kit.session import Session
from batch_platform.operations import service as operations
from batch_platform.operations.model import Run

PERMISSION: Final = "batch:execute"

CREATE: Final = "btc-batch.create"
"""A reversal is created as any batch is, and names what it takes back."""
APPROVE: Final = "btc-batch.approve"
CANCEL: Final = "btc-batch.cancel"
RESUME: Final = "btc-batch.resume"
SEED: Final = "btc-users.seed"

_log = structlog.get_logger(__name__)

Acting = Session[BtcContext]


def create(
    session: Acting,
    rate: str | int | Decimal,
    *,
    memo: str | None,
    key: IdempotencyKey | None = None,
    overrides: Overrides = AS_SET,
    confirm: str | None = None,
    approve: bool = False,
) -> Batch:
    """A batch of this rate, sealed; with `approve` its creator's approval too. Raises as `service.create` does."""
    given: dict[str, Any] = {"by": session.by, "memo": memo, "key": key, "overrides": overrides, "confirm": confirm}
    require_creatable(session.context, rate, **given)
    return _made(session, key, lambda: service.create(session.context, rate, **given, approve=approve))


def require_creatable(
    context: BtcContext,
    rate: str | int | Decimal,
    *,
    by: str,
    memo: str | None,
    key: IdempotencyKey | None,
    overrides: Overrides = AS_SET,
    confirm: str | None = None,
) -> Batch | None:
    """The batch that this key has made already; None where a new one may be made. Raises as `create` does."""
    percent = parse_rate(rate, max_rate=context.options.max_rate, confirm_above=confirm)
    service.plan.new_batch(context, percent, overrides.over(context.options), by=by, memo=memo)
    return _require_free(context, key)


def reverse(
    session: Acting, batch_id: str, *, memo: str | None, key: IdempotencyKey | None = None, approve: bool = False
) -> Batch:
    """The batch that takes back another, sealed. Raises as `service.reverse` does."""
    require_reversible(session.context, batch_id, key=key)
    given: dict[str, Any] = {"by": session.by, "memo": memo, "key": key, "approve": approve}
    return _made(session, key, lambda: service.reverse(session.context, batch_id, **given))


def require_reversible(context: BtcContext, batch_id: str, *, key: IdempotencyKey | None) -> Batch | None:
    """The reversal that this key has made already; None where one may be made. Raises as `reverse` does."""
    target = service.batch(context, batch_id)
    if key is None or context.store.batches.with_key(key, context.clock()) is None:
        target.require_reversible()
    return _require_free(context, key)


def _require_free(context: BtcContext, key: IdempotencyKey | None) -> Batch | None:
    """The batch that this key has made already. Raises `Conflict` while another one is open."""
    # in this order: a batch that the key makes meanwhile is open only once the key leads to it
    other = context.store.batches.open_batch_id()
    known = None if key is None else context.store.batches.with_key(key, context.clock())
    if known is None and other is not None:
        raise Conflict(
            "batch-is-open", "batch {batch} is open: finish or cancel it first", batch=other, field="batch_id"
        )
    return known


def _made(session: Acting, key: IdempotencyKey | None, make: Callable[[], Batch]) -> Batch:
    log = session.log if key is None else replace(session.log, key=f"{CREATE} {key.key_hash}")
    with log.intent(CREATE, "") as intent:
        batch = make()
        intent.target, intent.after = batch.batch_id, brief(batch)
    if key is not None and not AuditStore(log.pool).rows(what=CREATE, target=batch.batch_id, limit=1):
        # batches forget a key after days, the log does not: the row of this key is an older batch's
        with replace(log, key=f"{CREATE} {batch.batch_id}").intent(CREATE, batch.batch_id) as intent:
            intent.after = brief(batch)
    return batch


def approve(session: Acting, batch_id: str, *, count: int, amount: int, plan_sha256: str) -> Batch:
    """Approve a batch by the number, the sum (satoshi) and the hash that were seen. Raises as `service.approve` does.

    Where others have approved it already nothing is added; said twice by the same account it counts once.
    """
    context, by = session.context, session.by
    seen: dict[str, Any] = {"by": by, "count": count, "amount": amount, "plan_sha256": plan_sha256}
    before = review.require_seen(context, batch_id, **seen)
    if service.is_approved(before, context.options) and by not in _accounts(before):
        return before
    with replace(session.log, key=f"{APPROVE} {batch_id} {by}").intent(APPROVE, batch_id, brief(before)) as intent:
        after = service.approve(context, batch_id, **seen)
        intent.after = brief(after)
    return after


def require_cancellable(context: BtcContext, batch_id: str) -> Batch:
    """The batch, of which nothing is applied. Raises `Conflict`."""
    batch = service.batch(context, batch_id)
    if batch.status is not BatchStatus.CANCELLED:
        check(batch.status, BatchStatus.CANCELLED)
    return batch


def cancel(session: Acting, batch_id: str) -> Batch:
    """Drop a batch of which nothing is applied. Raises as `service.cancel` does."""
    before = require_cancellable(session.context, batch_id)
    if before.status is BatchStatus.CANCELLED:
        return before
    with session.log.intent(CANCEL, batch_id, brief(before)) as intent:
        after = service.cancel(session.context, batch_id, by=session.by)
        intent.after = brief(after)
    return after


def resume(session: Acting, batch_id: str) -> Batch:
    """Go on with a batch that failed, whose worker died, or that was approved and has not begun: ask for a run.

    Raises `Conflict` where there is nothing to go on with, and while a worker that may be alive has it in hand.
    """
    before = service.require_applicable(session.context, batch_id)
    if service.is_held(session.context, before):
        raise Conflict(
            "batch-worked-on",
            "batch {batch} is worked on: its lease ends at {until}",
            batch=batch_id,
            until=f"{before.lease_expires_at:%Y-%m-%dT%H:%M:%SZ}",
            field="status",
        )
    with session.log.intent(RESUME, batch_id, brief(before)) as intent:
        after = service.submit(session.context, batch_id)
        if after.status is BatchStatus.PROCESSING:
            _ask_for_run(session, after)
        intent.after = brief(after)
    return after


def require_resumable(context: BtcContext, batch_id: str) -> Batch:
    """The batch that a command may go on with. Raises `Conflict`."""
    batch = service.batch(context, batch_id)
    return batch if batch.status is BatchStatus.PENDING else service.require_applicable(context, batch_id)


def replan(session: Acting, batch_id: str) -> Batch:
    """Go on with a batch in this process: it is planned if that was interrupted, and then to be applied by `run`."""
    before = require_resumable(session.context, batch_id)
    with session.log.intent(RESUME, batch_id, brief(before)) as intent:
        after = service.replan(session.context, batch_id)
        intent.after = brief(after)
    return after


def seed(session: Acting, source: str, open_users: Callable[[], SeedOutcome]) -> SeedOutcome:
    """Open users out of a `source` that is named so."""
    with session.log.intent(SEED, source) as intent:
        done = open_users()
        intent.after = vars(done)
    return done


def start(session: Acting, batch: Batch) -> Batch:
    """Start an approved batch and ask for its run; one that still waits for a person, or has ended, stays as it is.

    One that a worker has in hand is left to it. Where Dagster cannot be asked now, its sensor finds the batch later:
    the start itself is not lost.
    """
    context = session.context
    if not batch.is_open or not service.is_approved(batch, context.options):
        return batch
    try:
        batch = service.submit(context, batch.batch_id)
    except Conflict:
        # ended or cancelled meanwhile: the caller is told what it is
        return service.batch(context, batch.batch_id)
    if batch.is_open and not service.is_held(context, batch):
        _ask_for_run(session, batch)
    return batch


def run(session: Acting, batch_id: str) -> Batch:
    """Apply an approved batch, or go on with one, by a run of its job in this process; the batch when it has ended.

    While another worker has it, that one is watched to the end instead. Raises `Conflict` when there is nothing to
    apply, `PermanentFailure` when the batch or its run failed, and `TransientFailure` when it is interrupted.
    """
    context = session.context
    batch = service.submit(context, batch_id)
    try:
        while batch.status is BatchStatus.PROCESSING:
            if service.is_held(context, batch):
                batch = service.await_worker(context, batch)
                continue
            ended = _execute(session, batch)
            batch = service.batch(context, batch_id)
            if ended.status != "success":
                raise _failure(batch, ended)
    except KeyboardInterrupt:
        raise _interruption(service.batch(context, batch_id)) from None
    if batch.status not in REVERSIBLE:
        raise PermanentFailure(
            "batch-ended-so",
            "batch {batch} is {status}: {reason}",
            batch=batch_id,
            status=batch.status.word,
            reason=batch.error_message or "see it in the history",
        )
    return batch


def _ask_for_run(session: Acting, batch: Batch) -> None:
    """Ask for a run of the batch: one for each worker that it loses, and another where that one has ended."""
    try:
        run = _execute(session, batch, key=f"{batch.batch_id} {batch.fencing}")
        # a run that was cancelled in the queue never came to a worker of its own
        if run.status.ended and service.batch(session.context, batch.batch_id) == batch:
            _execute(session, batch)
    except PlatformError as error:
        _log.warning("the sensor has to find a started batch", batch=batch.batch_id, reason=error.message)


def _execute(session: Acting, batch: Batch, *, key: str | None = None) -> Run:
    parameters = {"batchId": batch.batch_id}
    return operations.execute(session.operations(), ADJUSTMENT, parameters, by=session.by, idempotency_key=key)


def _failure(batch: Batch, ended: Run) -> PermanentFailure:
    reason = ended.cause or f"run {ended.run_id} is {ended.status}"
    if batch.status not in REVERSIBLE:
        return PermanentFailure("run-failed", "{reason}", reason=reason)
    return PermanentFailure(
        "batch-ended-but-its-run-failed",
        "batch {batch} is {status}, but its run failed: {reason}",
        batch=batch.batch_id,
        status=batch.status.word,
        reason=reason,
    )


def _interruption(batch: Batch) -> TransientFailure:
    own = batch.batch_id
    if batch.status not in REVERSIBLE:
        return TransientFailure(
            "batch-interrupted",
            "interrupted: batch {batch} keeps what is booked; go on with: batch-platform btc resume {batch}",
            batch=own,
        )
    return TransientFailure(
        "batch-interrupted-at-its-end",
        "interrupted, but batch {batch} is {status}; its proof: batch-platform btc proof {batch}",
        batch=own,
        status=batch.status.word,
    )


def brief(batch: Batch) -> dict[str, str | int | list[str] | None]:
    """What the log keeps of a batch."""
    return {
        "status": batch.status.value,
        "adjustment_rate": str(batch.adjustment_rate),
        "target_user_count": batch.target_user_count,
        "plan_sha256": batch.plan_sha256,
        "approvals": _accounts(batch),
        "reverses": batch.reverses,
    }


def _accounts(batch: Batch) -> list[str]:
    return [approval.account for approval in batch.approvals]

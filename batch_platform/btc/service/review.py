"""Approve a sealed plan as it was seen, or cancel a batch before anything is applied."""

from __future__ import annotations

from batch_platform.btc.model import Approval, Batch, BatchStatus, Options
from batch_platform.btc.money import btc_text
from batch_platform.btc.service.context import BtcContext
from batch_platform.core.caller import person
from batch_platform.core.failures import Conflict
from batch_platform.core.messages import Message


def approve(context: BtcContext, batch_id: str, *, by: str, count: int, amount: int, plan_sha256: str) -> Batch:
    """Approve a planned batch, given the number of its targets, their sum in satoshi and the hash as they were seen.

    Said twice by the same account it counts once. Raises `Conflict`, and changes nothing, when the seal is another,
    when the batch is not planned, or when a second person has to say it.
    """
    batch = require_seen(context, batch_id, by=by, count=count, amount=amount, plan_sha256=plan_sha256)
    if is_approved(batch, context.options):
        return batch
    return context.store.batches.approve(batch, Approval(by, context.clock()))


def require_seen(context: BtcContext, batch_id: str, *, by: str, count: int, amount: int, plan_sha256: str) -> Batch:
    """The batch as `by` may approve it now. Raises `Conflict` as `approve` does."""
    batch = context.store.batches.get(batch_id)
    if batch.status is not BatchStatus.PLANNED:
        raise Conflict(
            "batch-not-planned",
            "batch {batch} is {status}, not planned",
            batch=batch_id,
            status=batch.status.word,
            field="status",
        )
    for field, seen, actual in (
        ("count", str(count), str(batch.target_user_count)),
        ("sum", btc_text(amount), btc_text(batch.plan_sum or 0)),
        ("plan_sha256", plan_sha256, batch.plan_sha256),
    ):
        if seen != actual:
            raise Conflict(
                "plan-differs-from-seen",
                "{field} of batch {batch} is {found}, not {seen}: look at the plan again",
                batch=batch_id,
                found=str(actual),
                seen=seen,
                field=field,
            )
    if person(by) in _approvers(batch) and not is_approved(batch, context.options):
        raise Conflict(
            "second-person-needed",
            "batch {batch} has to be approved by a second person",
            batch=batch_id,
            field="approvals",
        )
    return batch


def consent(context: BtcContext, batch: Batch, *, by: str) -> Batch:
    """The approval of whoever creates a batch in one call; nothing where it has that, or is beyond it.

    None is given in advance for a sum that has to be named.
    """
    if batch.status is not BatchStatus.PLANNED or person(by) in _approvers(batch):
        return batch
    if asks_for_sum(batch.plan_sum or 0, context.options):
        return batch
    try:
        return context.store.batches.approve(batch, Approval(by, context.clock()))
    except Conflict:
        # the same call at once from another thread, or somebody who looked at the batch
        return context.store.batches.get(batch.batch_id)


def asks_for_sum(amount: int, options: Options) -> bool:
    """Whether a sum is so large that it takes an approval that names it, as `approve` does."""
    return options.confirm_above is not None and abs(amount) > options.confirm_above


def approvals_missing(batch: Batch, options: Options) -> int:
    """How many people have to approve a batch before it may be applied."""
    return max(0, (2 if options.second_approver else 1) - len(_approvers(batch)))


def is_approved(batch: Batch, options: Options) -> bool:
    return approvals_missing(batch, options) == 0


def cancel(context: BtcContext, batch_id: str, *, by: str) -> Batch:
    """End a batch that is pending or planned; the next one may start. Cancelled twice it is cancelled once.

    Raises `Conflict` when it is being applied: it can be finished and then reversed.
    """
    batch = context.store.batches.get(batch_id)
    if batch.status is BatchStatus.CANCELLED:
        return batch
    return context.store.batches.move(
        batch,
        BatchStatus.CANCELLED,
        completed_at=context.clock(),
        error_message=Message("cancelled-by", "cancelled by {account}", account=by),
    )


def _approvers(batch: Batch) -> frozenset[str]:
    return frozenset(person(approval.account) for approval in batch.approvals)

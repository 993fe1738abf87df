"""The changeset that undoes an applied one, itself to be approved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from batch_platform.core.failures import Conflict
from batch_platform.core.messages import Message
from batch_platform.zengin import mergers
from batch_platform.zengin.classify import classify
from batch_platform.zengin.content import content_hash
from batch_platform.zengin.diff import apply, inverse
from batch_platform.zengin.messages import RAISED, changed_changeset
from batch_platform.zengin.model import (
    CHANGE_SCHEMA,
    Changeset,
    ChangesetStatus,
    Verdict,
    approvals_needed,
)
from batch_platform.zengin.records import counts as counted
from batch_platform.zengin.records import payload_hash
from batch_platform.zengin.service.context import ZenginContext
from batch_platform.zengin.service.rows import raise_records
from batch_platform.zengin.service.trail import note

if TYPE_CHECKING:
    from batch_platform.zengin.store import Session

_APPLIED = (ChangesetStatus.APPLIED, ChangesetStatus.PARTIALLY_APPLIED)


def rollback(
    context: ZenginContext, changeset_id: str, *, by: str, version: int | None = None, dry_run: bool = False
) -> Changeset:
    """Propose the inverse of what a changeset applied; called again, it answers the same changeset.

    Whoever proposes it is never its only approver, and it needs as many accounts as what it undoes needed or had.
    Raises `NotFound`, and `Conflict` for one that has applied nothing, or is not of the version that was seen.
    """
    with context.store.snapshot() if dry_run else context.store.transaction() as guard:
        if not dry_run:
            guard.lock_proposals()
        undone = guard.changeset(changeset_id)
        if version is not None and undone.version != version:
            raise changed_changeset(changeset_id)
        own_id = f"{changeset_id}.inverse"
        known = next(iter(guard.changesets(ids=[own_id], limit=1)), None)
        if undone.status not in _APPLIED:
            if known is not None:
                return known
            raise Conflict(
                "changeset-not-undoable",
                "changeset {changeset} is {status}: there is nothing to undo",
                changeset=changeset_id,
                status=undone.status,
                field="changeset_id",
            )
        applied = guard.history(changeset_id)
        if applied.is_empty():
            raise Conflict(
                "changeset-applied-nothing",
                "changeset {changeset} has applied nothing",
                changeset=changeset_id,
                field="changeset_id",
            )
        with context.store.snapshot() as session:
            banks, branches = session.current_master()
        changes = inverse(applied.select(*CHANGE_SCHEMA))
        after = apply(banks, branches, changes)
        classified = classify(changes, mergers.proposals(changes, *after))
        counts, now = counted(classified), context.clock()
        changeset = known or Changeset(
            id=own_id,
            snapshot_hash=undone.snapshot_hash,
            business_date=context.business_date(),
            verdict=Verdict.ACCEPTED,
            hold_reason=None,
            reason=Message("undoes-changeset", "Undoes {changeset}.", changeset=changeset_id),
            counts=counts,
            payload_hash=payload_hash(classified),
            base_content_hash=content_hash(banks, branches),
            status=ChangesetStatus.PENDING,
            needs_approvals=max(approvals_needed(counts, context.limits), _approvals_of(guard, undone)),
            created_at=now,
            inverse_of=changeset_id,
            proposed_by=by,
        )
        if dry_run:
            return changeset
        with context.store.transaction() as session:
            session.add_changeset(changeset, who=by, now=now)
        named = pl.concat([banks, after[0]]).unique("bank_code", keep="last")
        bulk = classified.height > context.limits.bulk_rows
        raised = raise_records(context, classified, named, changeset, snapshot=None, bulk=bulk)
        note(context, raised, who=by, reason=RAISED)
        with context.store.snapshot() as session:
            return session.changeset(own_id)


def _approvals_of(session: Session, undone: Changeset) -> int:
    """How many accounts it took to apply a changeset; a hold was overridden by two."""
    overridden = 2 if undone.hold_reason is not None else 1
    return max(undone.needs_approvals, overridden, session.most_approvals(undone.id))

"""What a person decides: approve, reject, revoke, a whole changeset by its payload hash, a hold by two accounts.

`by` is the subject of the account (`local:ann`). An approver is recorded on the record itself; where two are needed
the first leaves it pending.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from batch_platform.core.failures import Conflict, InvalidInput
from batch_platform.core.messages import Message
from batch_platform.zengin.messages import (
    APPLIED_AGAIN,
    APPROVED,
    APPROVED_AS_A_WHOLE,
    OVERRIDDEN_ONCE,
    TAKEN_BACK,
    changed_changeset,
    changed_record,
    nothing_to_review,
    still_held,
)
from batch_platform.zengin.model import (
    Approval,
    Changeset,
    ChangesetStatus,
    Quorum,
    Record,
    Status,
)
from batch_platform.zengin.service.context import SYSTEM, ZenginContext
from batch_platform.zengin.service.propose import raise_held
from batch_platform.zengin.service.quorum import (
    approved_already,
    changesets_of,
    has_approved,
    quorums,
    require_new,
)
from batch_platform.zengin.service.rows import changes_of_records
from batch_platform.zengin.service.trail import CAUGHT_UP, note
from batch_platform.zengin.store.mirror import proposal


@dataclass(frozen=True)
class Decision:
    """The records as they stand now; `waiting` names those that need another account's approval."""

    records: tuple[Record, ...]
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChangesetDecision:
    """The changeset as it stands now, how many records moved, and how many wait for another account."""

    changeset: Changeset
    moved: int
    waiting: int


def approve(
    context: ZenginContext,
    ids: Sequence[str],
    *,
    by: str,
    versions: Mapping[str, int] | None = None,
    not_before: date | None = None,
    dry_run: bool = False,
) -> Decision:
    """Approve pending records. `versions`: the versions the approver saw, by id.

    Raises `NotFound`, and `Conflict` for a record that is not pending, was changed meanwhile or that `by` has
    approved already, a dry run too; nothing has moved then.
    """
    records = _seen(context, ids, versions, Status.PENDING)
    for record in records:
        require_new(record.approvals, by, Message("record-so-named", "record {record}", record=record.id))
    if dry_run:
        return Decision(tuple(records))
    moved = _approve(context, records, quorums(context, records), by=by, not_before=not_before)
    return Decision(moved, tuple(record.id for record in moved if record.status is Status.PENDING))


def reject(
    context: ZenginContext,
    ids: Sequence[str],
    *,
    by: str,
    reason: str,
    versions: Mapping[str, int] | None = None,
    dry_run: bool = False,
) -> Decision:
    """Reject pending records for good: the same proposal is not raised again. Raises as `approve`, a dry run too."""
    records = _seen(context, ids, versions, Status.PENDING)
    return Decision(tuple(records) if dry_run else _reject(context, records, by=by, reason=reason))


def revoke(
    context: ZenginContext,
    ids: Sequence[str],
    *,
    by: str,
    versions: Mapping[str, int] | None = None,
    dry_run: bool = False,
) -> Decision:
    """Take approvals back: the records are pending again, without any approval. Raises as `approve`, a dry run too.

    A record that waits for its second approval, or has failed, can be taken back too.
    """
    records = _seen(context, ids, versions, Status.PENDING, Status.APPROVED, Status.FAILED)
    for record in records:
        if not record.approvals:
            raise Conflict(
                "no-approval-to-take-back",
                "record {record} has no approval to take back",
                record=record.id,
                field="id",
            )
    if dry_run:
        return Decision(tuple(records))
    failed = [record for record in records if record.status is Status.FAILED]
    again = _move(context, failed, Status.APPROVED, {"error": None})
    rest = [record for record in records if record.status is not Status.FAILED] + again
    moved = _move(context, rest, Status.PENDING, {"approvals": (), "not_before": None})
    note(context, moved, who=by, reason=TAKEN_BACK)
    return Decision(tuple(moved))


def retry(
    context: ZenginContext,
    ids: Sequence[str],
    *,
    by: str,
    versions: Mapping[str, int] | None = None,
    dry_run: bool = False,
) -> Decision:
    """Let failed records, approved as they are, be applied once more. Raises as `approve`, a dry run too."""
    records = _seen(context, ids, versions, Status.FAILED)
    if dry_run:
        return Decision(tuple(records))
    moved = _move(context, records, Status.APPROVED, {"error": None})
    note(context, moved, who=by, reason=APPLIED_AGAIN)
    return Decision(tuple(moved))


def approve_changeset(
    context: ZenginContext,
    changeset_id: str,
    *,
    by: str,
    payload_hash: str,
    count: int,
    version: int | None = None,
    not_before: date | None = None,
    dry_run: bool = False,
) -> ChangesetDecision:
    """Approve every pending record of a changeset. `count` is its number of rows (`counts["rows"]`).

    Raises `Conflict` for another payload hash, count or version, and when `by` has approved all of it already. Killed
    half way, it is called again and goes on.
    """
    changeset = _changeset(context, changeset_id, version)
    require_reviewed(changeset, payload_hash=payload_hash, count=count)
    records = _records(context, changeset_id)
    pending = [record for record in records if record.status is Status.PENDING]
    if not pending:
        if not dry_run:
            note(context, records, who=SYSTEM, reason=CAUGHT_UP)
        if any(has_approved(record.approvals, by) for record in records if record.status is Status.APPROVED):
            return ChangesetDecision(_now(context, changeset_id), 0, 0)
        raise nothing_to_review(changeset_id)
    mine = [record for record in pending if not has_approved(record.approvals, by)]
    if not mine:
        raise approved_already(by, Message("changeset-so-named", "changeset {changeset}", changeset=changeset_id))
    if dry_run:
        return ChangesetDecision(changeset, len(mine), len(pending))
    _remember(context, changeset, by)
    moved = _approve(context, mine, {changeset_id: changeset.quorum}, by=by, not_before=not_before)
    waiting = sum(1 for record in moved if record.status is Status.PENDING) + len(pending) - len(mine)
    return ChangesetDecision(_now(context, changeset_id), len(moved), waiting)


def require_reviewed(changeset: Changeset, *, payload_hash: str, count: int) -> None:
    """Raises `Conflict` unless the changeset is the one that was reviewed, and is open for review."""
    if changeset.payload_hash != payload_hash:
        raise Conflict(
            "changeset-differs",
            "changeset {changeset} is not what was reviewed: its payload hash differs",
            changeset=changeset.id,
            field="payload_hash",
        )
    if changeset.counts.get("rows", 0) != count:
        raise Conflict(
            "changeset-of-other-size",
            "changeset {changeset} has {rows} rows, not {count}",
            changeset=changeset.id,
            rows=changeset.counts.get("rows", 0),
            count=count,
            field="count",
        )
    if changeset.status is ChangesetStatus.HELD:
        raise still_held(changeset.id)


def reject_changeset(
    context: ZenginContext,
    changeset_id: str,
    *,
    by: str,
    reason: str,
    version: int | None = None,
    dry_run: bool = False,
) -> ChangesetDecision:
    """Reject every pending record of a changeset, or a held changeset as a whole."""
    changeset = _changeset(context, changeset_id, version)
    if dry_run and changeset.status is ChangesetStatus.HELD:
        return ChangesetDecision(changeset, 0, 0)
    if changeset.status is ChangesetStatus.HELD:
        with context.store.transaction() as session:
            done = session.move_changeset(
                changeset, status=ChangesetStatus.REJECTED, who=by, now=context.clock(), why=reason
            )
        return ChangesetDecision(done, 0, 0)
    pending = [record for record in _records(context, changeset_id) if record.status is Status.PENDING]
    if not pending:
        raise nothing_to_review(changeset_id)
    if dry_run:
        return ChangesetDecision(changeset, len(pending), 0)
    moved = _reject(context, pending, by=by, reason=reason)
    return ChangesetDecision(_now(context, changeset_id), len(moved), 0)


def override(
    context: ZenginContext, changeset_id: str, *, by: str, version: int | None = None, dry_run: bool = False
) -> ChangesetDecision:
    """Say that a held snapshot is right. The second account's word raises its records, which then wait for review.

    Raises `Conflict` for a changeset that is not held, and for the same account twice, a dry run too.
    """
    changeset = _changeset(context, changeset_id, version)
    if changeset.status is not ChangesetStatus.HELD:
        raise Conflict(
            "changeset-not-held",
            "changeset {changeset} is {status}, not held",
            changeset=changeset_id,
            status=changeset.status,
            field="changeset_id",
        )
    require_new(
        changeset.approvals, by, Message("changeset-so-named", "changeset {changeset}", changeset=changeset_id)
    )
    given = (*changeset.approvals, Approval(by, context.clock()))
    if dry_run:
        return ChangesetDecision(changeset, 0, changeset.needs_approvals - len(given))
    if len(given) < changeset.needs_approvals:
        with context.store.transaction() as session:
            waiting = session.move_changeset(
                changeset,
                approvals=given,
                who=by,
                now=context.clock(),
                why=OVERRIDDEN_ONCE,
            )
        return ChangesetDecision(waiting, 0, 1)
    done = raise_held(context, changeset, by=by)
    with context.store.snapshot() as session:
        raised = session.record_keys(changeset_id)
    return ChangesetDecision(done.changeset, len(raised), 0)


def _seen(
    context: ZenginContext, ids: Sequence[str], versions: Mapping[str, int] | None, *statuses: Status
) -> list[Record]:
    """The records as they are, all of them in one of the statuses and of the version that was seen."""
    if not ids:
        raise InvalidInput("no-record-named", "name at least one record", field="ids")
    records = [context.records.get(record_id) for record_id in dict.fromkeys(ids)]
    for record in records:
        if versions is not None and versions.get(record.id, record.version) != record.version:
            raise changed_record(record.id)
        if record.status not in statuses:
            raise Conflict(
                "record-in-other-state",
                "record {record} is {status}, not {statuses}",
                record=record.id,
                status=record.status,
                statuses=statuses,
                field="status",
            )
    held = [changeset for changeset in changesets_of(context, records) if changeset.status is ChangesetStatus.HELD]
    if held:
        raise still_held(held[0].id)
    return records


def _approve(
    context: ZenginContext,
    records: Sequence[Record],
    quorum_of: Mapping[str, Quorum],
    *,
    by: str,
    not_before: date | None,
) -> tuple[Record, ...]:
    """Put the approval on each; those that have enough of them are approved. The later `not_before` holds."""
    approval = Approval(by, context.clock())

    def fields(record: Record) -> dict[str, Any]:
        days = [day for day in (record.not_before, not_before) if day is not None]
        return {"approvals": (*record.approvals, approval), "not_before": max(days, default=None)}

    lacking = [quorum_of[record.changeset_id].lacking((*record.approvals, approval)) for record in records]
    enough = [record for record, lacks in zip(records, lacking, strict=True) if not lacks]
    few = [record for record, lacks in zip(records, lacking, strict=True) if lacks]
    moved = [*_move(context, enough, Status.APPROVED, fields), *_move(context, few, Status.PENDING, fields)]
    note(context, moved, who=by, reason=APPROVED)
    return tuple(moved)


def _reject(context: ZenginContext, records: Sequence[Record], *, by: str, reason: str) -> tuple[Record, ...]:
    """Remembered before the records move: a killed run raises nothing anew that was refused."""
    if not reason.strip():
        raise InvalidInput("rejection-needs-reason", "a reason is needed", field="reason")
    for changeset_id, own in _by_changeset(records).items():
        prints = [
            proposal(row["table"], row["key"], row["base_hash"], row["new_hash"])
            for row in changes_of_records(context, own).iter_rows(named=True)
        ]
        with context.store.transaction() as session:
            session.remember_rejections(changeset_id, prints, who=by, reason=reason, now=context.clock())
    moved = _move(context, records, Status.REJECTED, {"error": None})
    note(context, moved, who=by, reason=reason)
    return tuple(moved)


def _move(context: ZenginContext, records: Sequence[Record], to: Status, fields: Any) -> list[Record]:
    """Move all of them; `Conflict` when somebody else was faster with one."""
    if not records:
        return []
    with context.store.transaction() as session:
        session.note_records(records, who=SYSTEM, now=context.clock(), reason=CAUGHT_UP)
    same = [record for record in records if record.status is to]
    other = [record for record in records if record.status is not to]
    now = context.clock()
    done = [context.records.amend_many(same, now=now, fields=fields)] if same else []
    done += [context.records.move_many(other, to, now=now, fields=fields)] if other else []
    moved = [record for part in done for record in part.records]
    if lost := [record_id for part in done for record_id in part.lost]:
        note(context, moved, who=SYSTEM)
        raise changed_record(lost[0])
    return moved


def _remember(context: ZenginContext, changeset: Changeset, by: str) -> None:
    """Who approved it as a whole stands on the changeset too."""
    if has_approved(changeset.approvals, by):
        return
    given = (*changeset.approvals, Approval(by, context.clock()))
    with context.store.transaction() as session:
        session.move_changeset(
            changeset,
            approvals=given,
            who=by,
            now=context.clock(),
            why=APPROVED_AS_A_WHOLE,
        )


def _records(context: ZenginContext, changeset_id: str) -> list[Record]:
    with context.store.snapshot() as session:
        keys = session.record_keys(changeset_id)
    return context.records.get_many(keys)


def _changeset(context: ZenginContext, changeset_id: str, version: int | None) -> Changeset:
    changeset = _now(context, changeset_id)
    if version is not None and changeset.version != version:
        raise changed_changeset(changeset_id)
    return changeset


def _now(context: ZenginContext, changeset_id: str) -> Changeset:
    with context.store.snapshot() as session:
        return session.changeset(changeset_id)


def _by_changeset(records: Sequence[Record]) -> dict[str, list[Record]]:
    grouped: dict[str, list[Record]] = {}
    for record in records:
        grouped.setdefault(record.changeset_id, []).append(record)
    return grouped

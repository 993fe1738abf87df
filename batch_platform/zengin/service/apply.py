"""Approved records into the master: a transaction a changeset, finished by whoever comes next after a crash.

Records are moved to `executing`, and read again, only under the lock of their changeset, which the transaction holds
until its commit. Whoever has that lock therefore knows of a record that is `executing`: its worker has committed, and
history says so, or it is dead and nothing of it was written. Either way the same statements finish it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from batch_platform.core.failures import PermanentFailure, PlatformError, TransientFailure
from batch_platform.zengin.messages import APPLIED, BEING_APPLIED
from batch_platform.zengin.model import ChangesetStatus, DiffType, Record, Status, business_day
from batch_platform.zengin.service.context import SYSTEM, ZenginContext
from batch_platform.zengin.service.rows import changes_of_records
from batch_platform.zengin.service.trail import CAUGHT_UP, note

if TYPE_CHECKING:
    from batch_platform.zengin.store import ApplyResult, Session
    from batch_platform.zengin.store.records import Key

_CLOSED = frozenset({ChangesetStatus.HELD, ChangesetStatus.REJECTED})
_WHY = {
    "changed": "the row was changed after it was compared",
    "exists": "the row is there already, and is another",
    "missing": "the row is not there any more",
    "no_bank": "the bank of the branch is not there yet",
    "has_branches": "the bank still has branches",
}


@dataclass(frozen=True)
class AppliedChangeset:
    """What an apply did to one changeset, in rows. `waiting` are approved rows whose bank is not there yet, or banks
    whose branches are not all gone."""

    changeset_id: str
    applied: int
    already: int
    conflicts: int
    waiting: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    """Applied rows by `{table}.{diff_type}`."""
    conflict_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class ApplyOutcome:
    """What an apply did for a business date."""

    business_date: date
    dry_run: bool
    changesets: tuple[AppliedChangeset, ...]


def apply(context: ZenginContext, day: date | None = None, *, dry_run: bool = False) -> ApplyOutcome:
    """Apply what is approved for the JST business date (default: today): `not_before` has come.

    Run again, it only finishes what a killed run left. A dry run executes the same statements and rolls back. A
    changeset that fails stops no other; the failures are raised at the end. Raises `InvalidInput` for a day to come,
    which would write what is kept back until then.
    """
    day = business_day(day, context.clock())
    done: list[AppliedChangeset] = []
    failures: list[PlatformError] = []
    for changeset_id, keys in _due(context, day).items():
        try:
            outcome = _apply_changeset(context, changeset_id, keys, day, dry_run=dry_run)
        except PlatformError as error:
            failures.append(error)
            continue
        if outcome is not None:
            done.append(outcome)
            context.progress(f"{changeset_id}: {outcome.applied} rows applied")
    if failures:
        kind = PermanentFailure if all(failure.permanent for failure in failures) else TransientFailure
        raise kind("changesets-failed", "{reasons}", reasons=[failure.message for failure in failures])
    return ApplyOutcome(day, dry_run, tuple(done))


def _due(context: ZenginContext, day: date) -> dict[str, list[Key]]:
    """Keys of records that may be due, by changeset in the order in which they were made.

    Both the mirror and the index are hints: one may be behind a kill, the other lags. The records themselves are read
    when their changeset is locked.
    """
    now = context.clock()
    indexed: dict[str, set[Key]] = {}
    for status in (Status.APPROVED, Status.EXECUTING):
        for record in context.records.all_by_status(status, now=now):
            indexed.setdefault(record.changeset_id, set()).add((record.id, record.timestamp))
    with context.store.snapshot() as session:
        ids = sorted({*session.approved_changesets(day), *indexed})
        changesets = session.changesets(ids=ids, limit=len(ids)) if ids else []
        ready = [
            changeset
            for changeset in changesets
            if changeset.status not in _CLOSED and changeset.business_date <= day
        ]
        ready.sort(key=lambda changeset: (changeset.created_at, changeset.id))
        return {
            changeset.id: sorted(indexed.get(changeset.id, set()) | set(session.record_keys(changeset.id)))
            for changeset in ready
        }


def _apply_changeset(
    context: ZenginContext, changeset_id: str, keys: Sequence[Key], day: date, *, dry_run: bool
) -> AppliedChangeset | None:
    taken: list[Record] = []
    try:
        with context.store.transaction() as session:
            session.lock_changeset(changeset_id)
            ready = [record for record in context.records.get_many(keys) if _is_due(record, day)]
            if not ready:
                return None
            if dry_run:
                taken = ready
            else:
                session.note_records(ready, who=SYSTEM, now=context.clock(), reason=CAUGHT_UP)
                taken = _take(context, ready)
                session.note_records(taken, who=SYSTEM, now=context.clock(), reason=BEING_APPLIED)
            result = _write(context, session, changeset_id, taken, day, dry_run=dry_run)
    except PermanentFailure as error:
        if not dry_run:
            _fail(context, taken, error.message)
        raise
    if not dry_run:
        _finish(context, taken, result)
    conflicts = result.outcomes.filter(pl.col("outcome") == "conflict").get_column("key").to_list()
    return AppliedChangeset(
        changeset_id,
        applied=result.applied,
        already=result.already,
        conflicts=result.conflicts,
        waiting=result.waiting,
        counts=result.counts,
        conflict_keys=tuple(conflicts),
    )


def _is_due(record: Record, day: date) -> bool:
    if record.status is Status.EXECUTING:
        return True
    return record.status is Status.APPROVED and (record.not_before is None or record.not_before <= day)


def _take(context: ZenginContext, ready: Sequence[Record]) -> list[Record]:
    """Move what is approved to executing; what a dead worker left there is taken over as it stands."""
    now = context.clock()
    lease = now + timedelta(seconds=context.limits.lease_seconds)
    left = [record for record in ready if record.status is Status.EXECUTING]
    approved = [record for record in ready if record.status is Status.APPROVED]

    def fields(record: Record) -> dict[str, Any]:
        return {"lease_until": lease, "metadata": {**record.metadata, "owner": context.owner}}

    moved = context.records.move_many(approved, Status.EXECUTING, now=now, fields=fields) if approved else None
    return left + list(moved.records if moved else ())


def _write(
    context: ZenginContext,
    session: Session,
    changeset_id: str,
    records: Sequence[Record],
    day: date,
    *,
    dry_run: bool,
) -> ApplyResult:
    changes = changes_of_records(context, records)
    return session.stage_and_apply(changeset_id, changes, business_date=day, now=context.clock(), dry_run=dry_run)


def _finish(context: ZenginContext, records: Sequence[Record], result: ApplyResult) -> None:
    """After the commit: each record says what became of its rows. Only those of a conflict have failed."""
    now = context.clock()
    counted: dict[str, dict[str, int]] = {}
    for diff_id, outcome, rows in result.outcomes.group_by("diff_id", "outcome").len().iter_rows():
        counted.setdefault(diff_id, {})[outcome] = rows
    left_out: dict[str, list[str]] = {}
    for row in result.outcomes.filter(pl.col("outcome").is_in(["conflict", "waiting"])).iter_rows(named=True):
        why = f"{row['key']}: {_WHY.get(row['reason'], row['reason'])}"
        left_out.setdefault(row["diff_id"], []).append(why)
    ends: dict[Status, list[Record]] = {}
    for record in records:
        ends.setdefault(_end(record, counted.get(record.id, {})), []).append(record)

    def fields(record: Record) -> dict[str, Any]:
        rows, conflicts = counted.get(record.id, {}), left_out.get(record.id, [])
        applied = rows.get("applied", 0) + rows.get("already", 0)
        error = "; ".join(conflicts) or None
        outcome = {"success": not conflicts, "rowsAffected": applied, "conflicts": len(conflicts)}
        executed = None if _end(record, rows) is Status.APPROVED else now
        return {"lease_until": None, "executed_at": executed, "execution_result": outcome, "error": error}

    moved: list[Record] = []
    for status, own in ends.items():
        moved += context.records.move_many(own, status, now=now, fields=fields).records
    note(context, moved, who=SYSTEM, reason=APPLIED)


def _end(record: Record, rows: Mapping[str, int]) -> Status:
    """By the number of its rows of each outcome."""
    if "waiting" in rows:
        return Status.APPROVED
    if "conflict" in rows and (record.diff_type is not DiffType.BULK_UPDATE or rows.keys() == {"conflict"}):
        return Status.FAILED
    return Status.COMPLETED


def _fail(context: ZenginContext, taken: Sequence[Record], why: str) -> None:
    """Nothing of the changeset was written: its records say why."""
    executing = [record for record in taken if record.status is Status.EXECUTING]
    note(context, executing, who=SYSTEM, reason=BEING_APPLIED)
    result = {"success": False, "rowsAffected": 0}
    fields = {"lease_until": None, "error": why, "execution_result": result}
    moved = context.records.move_many(executing, Status.FAILED, now=context.clock(), fields=fields).records
    note(context, moved, who=SYSTEM, reason=why)

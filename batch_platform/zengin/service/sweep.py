"""What time does: old proposals expire, leases run out, history is purged; and the digest of what still waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from batch_platform.core.messages import Message
from batch_platform.zengin.messages import LEASE_RAN_OUT, MIRROR_BEHIND
from batch_platform.zengin.model import ChangesetStatus, Record, Status
from batch_platform.zengin.service.context import SYSTEM, ZenginContext
from batch_platform.zengin.service.trail import note

_HELD_SHOWN: Final = 100


@dataclass(frozen=True)
class SweepOutcome:
    """How many records expired, were finished after a crash, were given back to `approved`; `noted`: whose mirror was
    behind."""

    expired: int
    finished: int
    given_back: int
    noted: int = 0


@dataclass(frozen=True)
class Digest:
    """Records that wait for a decision: how many, by risk, and how old the oldest is; held changesets by id."""

    pending: int
    by_risk: Mapping[str, int]
    oldest: timedelta | None
    held: tuple[str, ...]


def sweep(context: ZenginContext, *, dry_run: bool = False) -> SweepOutcome:
    """Expire proposals older than `limits.pending_days`; finish or give back records whose lease ran out."""
    now = context.clock()
    old = now - timedelta(days=context.limits.pending_days)
    overdue = list(context.records.all_by_status(Status.PENDING, now=now, before=old))
    lapsed = list(context.records.lapsed(now=now))
    behind = _behind(context)
    if dry_run:
        return SweepOutcome(len(overdue), 0, len(lapsed), len(behind))
    note(context, behind, who=SYSTEM, reason=MIRROR_BEHIND)
    why = Message("nobody-decided", "nobody decided in {days} days", days=context.limits.pending_days)
    expired = context.records.move_many(overdue, Status.EXPIRED, now=now, fields={"reason": why}).records
    note(context, expired, who=SYSTEM, reason=why)
    finished, given_back = _end_leases(context, lapsed)
    return SweepOutcome(len(expired), finished, given_back, len(behind))


def digest(context: ZenginContext) -> Digest:
    """From the mirror: what somebody has to look at, and since when."""
    with context.store.snapshot() as session:
        rows = session.record_counts(statuses=[Status.PENDING])
        held = session.changesets(statuses=[ChangesetStatus.HELD], limit=_HELD_SHOWN)
    by_risk: Counter[str] = Counter()
    for row in rows:
        by_risk[str(row["risk"])] += int(row["records"])
    oldest = min((row["oldest"] for row in rows), default=None)
    return Digest(
        by_risk.total(),
        dict(by_risk),
        None if oldest is None else context.clock() - oldest,
        tuple(changeset.id for changeset in held),
    )


def purge(context: ZenginContext, *, dry_run: bool = False) -> int:
    """Delete `change_history` older than `limits.history_days`; how many rows."""
    before = context.clock() - timedelta(days=context.limits.history_days)
    with context.store.transaction() as session:
        return session.purge_history(before=before, dry_run=dry_run)


def _end_leases(context: ZenginContext, lapsed: Sequence[Record]) -> tuple[int, int]:
    """What history holds was applied; the rest goes back. The lock keeps a late worker out until that is written."""
    finished = given_back = 0
    for changeset_id in sorted({record.changeset_id for record in lapsed}):
        own = [record for record in lapsed if record.changeset_id == changeset_id]
        with context.store.transaction() as session:
            session.lock_changeset(changeset_id)
            applied = set(session.history(changeset_id).get_column("diff_id"))
            now = context.clock()
            there = [record for record in own if record.id in applied]
            rest = [record for record in own if record.id not in applied]
            done = context.records.move_many(there, Status.COMPLETED, now=now, fields=partial(_finished, now))
            back = context.records.move_many(rest, Status.APPROVED, now=now, fields={"lease_until": None})
        note(context, [*done.records, *back.records], who=SYSTEM, reason=LEASE_RAN_OUT)
        finished, given_back = finished + len(done.records), given_back + len(back.records)
    return finished, given_back


def _finished(now: datetime, record: Record) -> dict[str, Any]:
    rows = 1 if record.table is not None else (record.data_summary or {}).get("totalRecords", 0)
    return {"lease_until": None, "executed_at": now, "execution_result": {"success": True, "rowsAffected": rows}}


def _behind(context: ZenginContext) -> list[Record]:
    """Records that moved, or were raised, without their mirror: the worker was killed in between."""
    now = context.clock()
    with context.store.snapshot() as session:
        known = {row["id"]: row for row in session.open_records()}
    there = {
        record.id: record
        for status in (Status.PENDING, Status.APPROVED, Status.EXECUTING, Status.FAILED)
        for record in context.records.all_by_status(status, now=now)
    }
    closed = context.records.get_many(
        (row["id"], row["recorded_at"]) for row in known.values() if row["id"] not in there
    )
    moved = [record for record in closed if record.status != known[record.id]["status"]]
    moved += [
        record for record in there.values() if record.id not in known or known[record.id]["status"] != record.status
    ]
    ids = sorted({record.changeset_id for record in moved})
    with context.store.snapshot() as session:
        ours = {changeset.id for changeset in session.changesets(ids=ids, limit=len(ids) + 1)}
    return [record for record in moved if record.changeset_id in ours]

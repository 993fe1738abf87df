"""The newest snapshot against the master: verdict, changeset, records; what it supersedes.

A snapshot's verdict is written last. Until then a killed run is repeated from the start and meets its own changeset
and records, whose ids are made of what they hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from batch_platform.core.failures import NotFound
from batch_platform.core.messages import Message
from batch_platform.zengin import brake, mergers
from batch_platform.zengin.classify import classify
from batch_platform.zengin.content import content_hash
from batch_platform.zengin.diff import diff
from batch_platform.zengin.messages import HOLDS, RAISED, SUPERSEDED
from batch_platform.zengin.model import (
    Changeset,
    ChangesetStatus,
    DiffType,
    HoldReason,
    Record,
    Status,
    Verdict,
    approvals_needed,
)
from batch_platform.zengin.records import counts as counted
from batch_platform.zengin.records import payload_hash
from batch_platform.zengin.service.context import SYSTEM, ZenginContext
from batch_platform.zengin.service.rows import raise_records
from batch_platform.zengin.service.snapshot import changeset_id_of, no_snapshot
from batch_platform.zengin.service.trail import note
from batch_platform.zengin.store.mirror import proposal as fingerprint

if TYPE_CHECKING:
    from batch_platform.zengin.store import Session
    from batch_platform.zengin.store.snapshots import SnapshotRow

_UNDECIDED = (ChangesetStatus.PENDING, ChangesetStatus.APPROVED, ChangesetStatus.PARTIALLY_APPLIED)


@dataclass(frozen=True)
class Proposal:
    """A changeset and what became of its rows: `raised` now open records, `carried` rows that somebody has approved
    before, `remembered` ones rejected before and not raised again, `superseded` open records of older snapshots."""

    changeset: Changeset
    raised: int = 0
    carried: int = 0
    remembered: int = 0
    superseded: int = 0


@dataclass(frozen=True, eq=False)
class _Compared:
    """A snapshot and the master of one moment."""

    changes: pl.DataFrame
    base_hash: str
    banks: pl.DataFrame
    branches: pl.DataFrame
    all_banks: pl.DataFrame
    """Of the snapshot, and those that are gone from it: what names the bank of a branch."""


def propose(context: ZenginContext, day: date | None = None, *, dry_run: bool = False) -> Proposal:
    """Judge the newest snapshot (of a day) and raise its records. A snapshot already judged answers as it stands.

    Raises `NotFound` when there is no snapshot.
    """
    with context.store.transaction() as guard:
        guard.lock_proposals()
        snapshot = guard.newest_snapshot(day)
        if snapshot is None:
            raise no_snapshot(day)
        known = _known(guard, snapshot)
        again = _asked_later(snapshot, known)
        if known is not None and not again and (snapshot.verdict is not None or dry_run):
            return Proposal(known)
        compared = _compare(context, guard, snapshot)
        verdict, hold, reason = _stale(guard, snapshot, compared) or _judge(context, guard, snapshot, compared)
        changeset = _changeset(context, snapshot, compared, verdict, hold, reason)
        if dry_run:
            return Proposal(changeset, raised=changeset.counts["rows"] if verdict is Verdict.ACCEPTED else 0)
        if verdict is Verdict.HELD:
            return Proposal(_close(context, snapshot, known or changeset, add=known is None))
        held = known if again and known is not None and known.status is ChangesetStatus.HELD else None
        return _raise(context, guard, snapshot, compared, changeset, held=held)


def raise_held(context: ZenginContext, seen: Changeset, *, by: str) -> Proposal:
    """Raise the records of a held snapshot that enough accounts have vouched for, against the master of now."""
    with context.store.transaction() as guard:
        guard.lock_proposals()
        snapshot = guard.snapshot(seen.snapshot_hash)
        if snapshot is None:
            raise NotFound(
                "changeset-without-snapshot",
                "the snapshot of changeset {changeset} is not there any more",
                changeset=seen.id,
                field="changeset_id",
            )
        compared = _compare(context, guard, snapshot)
        reason = Message(
            "held-and-overridden",
            "Held ({hold}), and overridden by {accounts} and {by}.",
            hold=HOLDS[seen.hold_reason] if seen.hold_reason else "",
            accounts=[given.account for given in seen.approvals],
            by=by,
        )
        changeset = _changeset(context, snapshot, compared, Verdict.ACCEPTED, seen.hold_reason, reason)
        return _raise(context, guard, snapshot, compared, changeset, held=seen, who=by)


def _known(guard: Session, snapshot: SnapshotRow) -> Changeset | None:
    changesets = guard.changesets(ids=[changeset_id_of(snapshot.id)], limit=1)
    return changesets[0] if changesets else None


def _asked_later(snapshot: SnapshotRow, known: Changeset | None) -> bool:
    """Whether the bootstrap it was held for the want of has been asked for since: it is judged again. (`pending`: a
    kill came between its changeset and the verdict.)"""
    undecided = known is not None and known.status in (ChangesetStatus.HELD, ChangesetStatus.PENDING)
    return undecided and snapshot.bootstrap and snapshot.hold_reason is HoldReason.BOOTSTRAP


def _compare(context: ZenginContext, guard: Session, snapshot: SnapshotRow) -> _Compared:
    context.progress("comparing with the master")
    frames = context.lake.get(snapshot.location)
    with context.store.snapshot() as session:
        banks, branches = session.current_master()
    changes = diff(banks, branches, frames["banks"], frames["branches"])
    successors = mergers.proposals(changes, frames["banks"], frames["branches"])
    added = changes.filter(pl.col("diff_type") == DiffType.ADDITION)
    closed = guard.former_names(added) if changes.height <= context.limits.bulk_rows else None
    return _Compared(
        changes=classify(changes, successors, closed=closed),
        base_hash=content_hash(banks, branches),
        banks=banks,
        branches=branches,
        all_banks=pl.concat([banks, frames["banks"]]).unique("bank_code", keep="last"),
    )


def _stale(
    guard: Session, snapshot: SnapshotRow, compared: _Compared
) -> tuple[Verdict, HoldReason | None, str] | None:
    """What the arrival tells, before the rows are looked at."""
    newest = guard.newest_snapshot()
    if newest is not None and newest.id != snapshot.id and newest.verdict is not None:
        reason = Message(
            "arrived-before-the-judged",
            "{version} arrived before {newest}, which is judged already.",
            version=snapshot.provenance.version,
            newest=newest.provenance.version,
        )
        return Verdict.HELD, HoldReason.REGRESSION, reason
    content = snapshot.provenance.content_hash
    proposed = any(changeset.inverse_of is None for changeset in guard.changesets(statuses=_UNDECIDED, limit=1000))
    if compared.base_hash == content and guard.accepted_hashes()[-1:] != [content] and proposed:
        reason = Message(
            "equals-master-before-newer",
            "It equals the master, while what a newer release proposed has still to be decided or applied.",
        )
        return Verdict.HELD, HoldReason.REGRESSION, reason
    return None


def _judge(
    context: ZenginContext, guard: Session, snapshot: SnapshotRow, compared: _Compared
) -> tuple[Verdict, HoldReason | None, str]:
    accepted = guard.accepted_hashes()
    since = snapshot.business_date - timedelta(days=context.limits.inverse_days)
    return brake.judge(
        compared.changes,
        compared.banks,
        compared.branches,
        content_hash=snapshot.provenance.content_hash,
        current_hash=accepted[-1] if accepted else None,
        accepted=accepted,
        applied=guard.recent_applied(since=since),
        bootstrap=snapshot.bootstrap,
        limits=context.limits,
    )


def _changeset(
    context: ZenginContext,
    snapshot: SnapshotRow,
    compared: _Compared,
    verdict: Verdict,
    hold: HoldReason | None,
    reason: str,
) -> Changeset:
    counts = counted(compared.changes)
    status = {Verdict.HELD: ChangesetStatus.HELD, Verdict.NOOP: ChangesetStatus.APPLIED}
    return Changeset(
        id=changeset_id_of(snapshot.id),
        snapshot_hash=snapshot.id,
        business_date=snapshot.business_date,
        verdict=verdict,
        hold_reason=hold,
        reason=reason,
        counts=counts,
        payload_hash=payload_hash(compared.changes),
        base_content_hash=compared.base_hash,
        status=status.get(verdict, ChangesetStatus.PENDING),
        needs_approvals=approvals_needed(counts, context.limits, held=verdict is Verdict.HELD),
        created_at=context.clock(),
    )


def _close(context: ZenginContext, snapshot: SnapshotRow, changeset: Changeset, *, add: bool) -> Changeset:
    """The changeset of a snapshot that raises nothing, and the snapshot's verdict."""
    with context.store.transaction() as session:
        if add:
            session.add_changeset(changeset, who=SYSTEM, now=context.clock())
        session.judge_snapshot(
            snapshot.id, changeset.verdict, changeset.hold_reason, changeset.reason, now=context.clock()
        )
        return session.changeset(changeset.id)


def _raise(
    context: ZenginContext,
    guard: Session,
    snapshot: SnapshotRow,
    compared: _Compared,
    changeset: Changeset,
    *,
    held: Changeset | None = None,
    who: str = SYSTEM,
) -> Proposal:
    """Records first into DynamoDB, then their mirror; then older proposals go, and the verdict is written."""
    stored = held or _known(guard, snapshot)
    others = [row for row in guard.open_records() if row["changeset_id"] != changeset.id]
    inverses = _inverses(guard, others)
    same_again = guard.accepted_hashes()[-1:] == [snapshot.provenance.content_hash]
    kept, gone = _kept(context, others, compared.changes, inverses, same_again=same_again)
    refused = guard.rejected_fingerprints()
    fresh = _without(_without(compared.changes, refused), kept)
    remembered = compared.changes.height - _without(compared.changes, refused).height
    carried = compared.changes.height - remembered - fresh.height
    changeset = _of_fresh(context, changeset, fresh, carried=carried, remembered=remembered)
    now = context.clock()
    if stored is None:
        with context.store.transaction() as session:
            session.add_changeset(changeset, who=who, now=now)
    context.progress(f"raising {fresh.height} changes")
    bulk = compared.banks.is_empty() or fresh.height > context.limits.bulk_rows
    stand = raise_records(context, fresh, compared.all_banks, changeset, snapshot=snapshot, bulk=bulk)
    with context.store.transaction() as session:
        session.note_records(stand, who=who, now=now, reason=RAISED)
    superseded = _supersede(context, gone)
    with context.store.transaction() as session:
        # with the verdict, so that an override that is killed is still one that can be given again
        if stored is not None and (held is not None or stored.payload_hash != changeset.payload_hash):
            session.move_changeset(stored, who=who, now=now, why=changeset.reason, **_facts(changeset, held))
        for older in session.changesets(statuses=[ChangesetStatus.HELD], limit=1000):
            session.move_changeset(
                older,
                status=ChangesetStatus.SUPERSEDED,
                who=SYSTEM,
                now=now,
                why=Message("superseded-by", "superseded by {changeset}", changeset=changeset.id),
            )
        session.judge_snapshot(snapshot.id, changeset.verdict, None, changeset.reason, now=context.clock())
        final = session.changeset(changeset.id)
    return Proposal(
        final,
        raised=fresh.height,
        carried=carried,
        remembered=remembered,
        superseded=superseded,
    )


def _inverses(guard: Session, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """The changesets among these that undo another."""
    ids = sorted({row["changeset_id"] for row in rows})
    return {each.id for each in guard.changesets(ids=ids, limit=len(ids) + 1) if each.inverse_of is not None}


def _facts(changeset: Changeset, held: Changeset | None) -> dict[str, Any]:
    """What a changeset takes over when it is raised again: after a kill, or by an override, which opens it."""
    names = ("verdict", "hold_reason", "reason", "counts", "payload_hash", "base_content_hash", "needs_approvals")
    facts = {name: getattr(changeset, name) for name in names}
    return facts if held is None else {**facts, "status": changeset.status, "approvals": ()}


def _of_fresh(
    context: ZenginContext, changeset: Changeset, fresh: pl.DataFrame, *, carried: int, remembered: int
) -> Changeset:
    """The changeset of what is really raised."""
    if fresh.is_empty():
        reason = changeset.reason
        if changeset.verdict is Verdict.ACCEPTED:
            reason = Message(
                "nothing-new",
                "Nothing new; waiting for approval or application already: {waiting}; rejected before: {rejected}.",
                waiting=f"{carried:,}",
                rejected=f"{remembered:,}",
            )
        return replace(
            changeset,
            verdict=Verdict.NOOP,
            reason=reason,
            counts={"rows": 0},
            payload_hash=payload_hash(fresh),
            status=ChangesetStatus.APPLIED,
            needs_approvals=1,
        )
    if carried == 0 and fresh.height == changeset.counts["rows"]:  # all of it, which is named already
        return replace(changeset, needs_approvals=approvals_needed(changeset.counts, context.limits))
    counts = counted(fresh)
    return replace(
        changeset,
        reason=Message(
            "some-raised",
            "{reason} Raised: {raised}; waiting for approval or application already: {waiting}; rejected before: "
            "{rejected}.",
            reason=changeset.reason,
            raised=f"{fresh.height:,}",
            waiting=f"{carried:,}",
            rejected=f"{remembered:,}",
        ),
        counts=counts,
        payload_hash=payload_hash(fresh),
        needs_approvals=approvals_needed(counts, context.limits),
    )


def _kept(
    context: ZenginContext,
    others: Sequence[Mapping[str, Any]],
    changes: pl.DataFrame,
    inverses: set[str],
    *,
    same_again: bool,
) -> tuple[frozenset[tuple[str, str, str, str]], list[Record]]:
    """Of the open records: the proposals that stay open as they are, and the records that this snapshot supersedes.

    A proposal stays when it is proposed again and somebody has approved it, or when the same release comes once more.
    An undoing is no proposal of the source: only a new one of the same key supersedes it.
    """
    if not others:
        return frozenset(), []
    proposed = {fingerprint(*row) for row in changes.select("table", "key", "base_hash", "new_hash").iter_rows()}
    keys = {(table, key) for table, key, *_ in proposed}
    records = context.records.get_many((row["id"], row["recorded_at"]) for row in others)
    stay: set[tuple[str, str, str, str]] = set()
    gone: list[Record] = []
    for record in records:
        if record.status not in (Status.PENDING, Status.APPROVED, Status.FAILED):
            continue
        own = fingerprint(record.table or "", record.key or "", record.base_hash, record.new_hash)
        same = own in proposed or (
            record.diff_type is DiffType.BULK_UPDATE and record.new_hash == payload_hash(changes)
        )
        if same and record.status is not Status.FAILED and (record.approvals or same_again):
            stay.add(own)
        elif record.changeset_id in inverses and (record.table, record.key) not in keys:
            continue
        else:
            gone.append(record)
    if any(not table for table, *_ in stay):  # a bulk record holds all of them
        stay |= proposed
    return frozenset(stay), gone


def _without(changes: pl.DataFrame, known: frozenset[tuple[str, str, str, str]]) -> pl.DataFrame:
    if not known:
        return changes
    hashes = ("table", "key", "base_hash", "new_hash")
    marked = pl.DataFrame(list(known), schema=dict.fromkeys(hashes, pl.String()), orient="row")
    return (
        changes.with_columns(pl.col("base_hash", "new_hash").fill_null("").name.prefix("_"))
        .join(
            marked,
            left_on=["table", "key", "_base_hash", "_new_hash"],
            right_on=list(hashes),
            how="anti",
            maintain_order="left",
        )
        .drop("_base_hash", "_new_hash")
    )


def _supersede(context: ZenginContext, gone: Sequence[Record]) -> int:
    moved = context.records.move_many(gone, Status.EXPIRED, now=context.clock(), fields={"reason": SUPERSEDED})
    note(context, moved.records, who=SYSTEM, reason=SUPERSEDED)
    return len(moved.records)

"""What every move of records leaves behind: the mirror and its audit row, and the state of their changeset."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from batch_platform.core.messages import Message
from batch_platform.zengin.model import ChangesetStatus, Record, Status

if TYPE_CHECKING:
    from batch_platform.zengin.service.context import ZenginContext
    from batch_platform.zengin.store import Session

CAUGHT_UP: Final = Message("noted-later", "noted later")
"""The reason of an audit row that a killed run could not write: it is written before the record moves on."""

_OPEN = (Status.PENDING, Status.APPROVED, Status.EXECUTING, Status.FAILED)
_SETTLED = frozenset(
    {ChangesetStatus.HELD, ChangesetStatus.REJECTED, ChangesetStatus.SUPERSEDED, ChangesetStatus.EXPIRED}
    | {ChangesetStatus.APPLIED, ChangesetStatus.REVERSED}
)


def note(context: ZenginContext, records: Sequence[Record], *, who: str, reason: str | None = None) -> None:
    """Write down where records have moved, and settle their changesets. Repeated, it changes nothing."""
    if not records:
        return
    with context.store.transaction() as session:
        session.note_records(records, who=who, now=context.clock(), reason=reason)
    settle(context, {record.changeset_id for record in records}, who=who, reason=reason)


def settle(context: ZenginContext, changeset_ids: Iterable[str], *, who: str, reason: str | None = None) -> None:
    """Let changesets take the state that those of their records give them."""
    for changeset_id in sorted(changeset_ids):
        with context.store.transaction() as session:
            session.lock_changeset(changeset_id)
            _settle(context, session, changeset_id, who=who, reason=reason)


def _settle(context: ZenginContext, session: Session, changeset_id: str, *, who: str, reason: str | None) -> None:
    changeset = session.changeset(changeset_id)
    if changeset.status in _SETTLED:
        return
    status = _status(session, changeset_id)
    if status is None or status is changeset.status:
        return
    now = context.clock()
    session.move_changeset(changeset, status=status, who=who, now=now, why=reason)
    if status is ChangesetStatus.APPLIED and changeset.inverse_of is not None:
        undone = session.changeset(changeset.inverse_of)
        if undone.status in (ChangesetStatus.APPLIED, ChangesetStatus.PARTIALLY_APPLIED):
            session.move_changeset(
                undone,
                status=ChangesetStatus.REVERSED,
                who=who,
                now=now,
                why=Message("undone-by", "undone by {changeset}", changeset=changeset_id),
            )


def _status(session: Session, changeset_id: str) -> ChangesetStatus | None:
    """What the records say; None for a changeset that has none."""
    counts: dict[str, int] = {}
    for row in session.record_counts([changeset_id]):
        counts[row["status"]] = counts.get(row["status"], 0) + int(row["records"])
    still_open = sum(counts.get(status, 0) for status in _OPEN)
    if counts.get(Status.COMPLETED):
        return ChangesetStatus.PARTIALLY_APPLIED if still_open else ChangesetStatus.APPLIED
    if counts.get(Status.PENDING):
        return ChangesetStatus.PENDING
    if still_open:
        return ChangesetStatus.APPROVED
    if counts.get(Status.EXPIRED):
        return ChangesetStatus.SUPERSEDED
    return ChangesetStatus.REJECTED if counts.get(Status.REJECTED) else None

"""Who must approve what, and who has: the rule of the second account."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from batch_platform.core.caller import person
from batch_platform.core.failures import Conflict
from batch_platform.core.messages import Message
from batch_platform.zengin.model import Approval, Changeset, Quorum, Record, Status, approvals_needed
from batch_platform.zengin.service.context import ZenginContext


def still_needed(record: Record, quorum: Quorum) -> int:
    """How many approvals a record lacks."""
    return quorum.lacking(record.approvals) if record.status is Status.PENDING else 0


def refusal(record: Record, by: str) -> str | None:
    """Why an account may not approve a record; None when it may."""
    if record.status is not Status.PENDING:
        return f"it is {record.status}"
    return f"{by} has approved it already" if has_approved(record.approvals, by) else None


def quorums(context: ZenginContext, records: Sequence[Record]) -> dict[str, Quorum]:
    """Who must approve these records together, by changeset; one that somebody has approved already needs another.

    The records of an undoing need what it needs as a whole, also one by one.
    """
    counts: Counter[str] = Counter()
    for record in records:
        counts.update(rows_of(record))
    needed = max(approvals_needed(counts, context.limits), 2 if any(record.approvals for record in records) else 1)
    return {
        changeset.id: Quorum(
            needed if changeset.inverse_of is None else max(needed, changeset.needs_approvals), changeset.proposed_by
        )
        for changeset in changesets_of(context, records)
    }


def changesets_of(context: ZenginContext, records: Sequence[Record]) -> list[Changeset]:
    ids = sorted({record.changeset_id for record in records})
    with context.store.snapshot() as session:
        return session.changesets(ids=ids, limit=len(ids))


def rows_of(record: Record) -> Mapping[str, int]:
    """The rows of a record as counts of a changeset have them."""
    if record.table is not None:
        return {"rows": 1, f"{record.table}.{record.diff_type}": 1}
    return {"rows": (record.data_summary or {}).get("totalRecords", 0)}


def has_approved(approvals: Sequence[Approval], by: str) -> bool:
    return any(person(approval.account) == person(by) for approval in approvals)


def require_new(approvals: Sequence[Approval], by: str, what: Message) -> None:
    if has_approved(approvals, by):
        raise approved_already(by, what)


def approved_already(by: str, what: Message) -> Conflict:
    return Conflict(
        "approved-by-you-already",
        "{by} has approved {what} already: another account must",
        by=by,
        what=what,
        field="by",
    )

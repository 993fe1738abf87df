"""Changesets: their state is decided here, by conditional update on their version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from batch_platform.core.failures import NotFound
from batch_platform.core.messages import kept, restored
from batch_platform.zengin.messages import changed_changeset
from batch_platform.zengin.model import (
    Approval,
    Changeset,
    ChangesetStatus,
    HoldReason,
    Verdict,
    check_changeset,
)
from batch_platform.zengin.store.statements import ZenginStatements


class Changesets(ZenginStatements):
    """`changesets`, and the audit of every state in `transitions`."""

    def lock_changeset(self, changeset_id: str) -> None:
        """Until the end of the transaction, nobody else who asks moves this changeset."""
        self._run("lock_changeset", id=changeset_id)

    def lock_proposals(self) -> None:
        """Until the end of the transaction, nobody else who asks raises proposals."""
        self._run("lock_proposals")

    def add_changeset(self, changeset: Changeset, *, who: str, now: datetime) -> bool:
        """Add a changeset; False when there is one of this id already, which stays as it is."""
        row = _parameters(changeset)
        added = self._run(
            "insert_changeset",
            **row,
            inverse_of=changeset.inverse_of,
            proposed_by=changeset.proposed_by,
            created_at=changeset.created_at,
            now=now,
        )
        if added:
            self._audit(changeset, None, who=who, now=now, reason=changeset.reason)
        return added == 1

    def move_changeset(
        self, seen: Changeset, *, who: str, now: datetime, why: str | None = None, **changes: Any
    ) -> Changeset:
        """Change some fields of a changeset as it was seen; the changeset as it stands then, one version on.

        Raises `Conflict`, with nothing moved, when it has another version by now or may not take the status.
        """
        moved = replace(seen, **changes, version=seen.version + 1)
        if moved.status != seen.status:
            check_changeset(seen.status, moved.status)
        if not self._run("update_changeset", **_parameters(moved), expected=seen.version, now=now):
            raise changed_changeset(seen.id)
        self._audit(moved, seen.status, who=who, now=now, reason=why)
        return moved

    def changeset(self, changeset_id: str) -> Changeset:
        """Raises `NotFound`."""
        changesets = self.changesets(ids=[changeset_id], limit=1)
        if not changesets:
            raise NotFound(
                "unknown-changeset", "there is no changeset {changeset}", changeset=changeset_id, field="changeset_id"
            )
        return changesets[0]

    def changesets(
        self,
        *,
        ids: Sequence[str] | None = None,
        statuses: Sequence[ChangesetStatus] | None = None,
        business_date: date | None = None,
        inverse_of: str | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int,
    ) -> list[Changeset]:
        """Those that match everything given, the newest first; `before` is `created_at` and id of the last seen."""
        moment, last = before or (None, None)
        rows = self._rows(
            "changesets",
            ids=None if ids is None else list(ids),
            statuses=None if statuses is None else [str(status) for status in statuses],
            business_date=business_date,
            inverse_of=inverse_of,
            before=moment,
            before_id=last,
            limit=limit,
        )
        return [_changeset(row) for row in rows]

    def most_approvals(self, changeset_id: str) -> int:
        """The most accounts that approved one of its applied records, without approvals that were taken back."""
        [row] = self._rows("most_approvals", changeset_id=changeset_id)
        return int(row["accounts"])

    def transitions(self, target: str, target_id: str) -> list[dict[str, Any]]:
        """Who moved a `record`, `changeset` or `snapshot` from where to where, in order."""
        return [_with_message(row) for row in self._rows("transitions", target=target, target_id=target_id)]

    def _audit(
        self, moved: Changeset, before: ChangesetStatus | None, *, who: str, now: datetime, reason: str | None
    ) -> None:
        self._run(
            "insert_transition",
            now=now,
            who=who,
            target="changeset",
            target_id=moved.id,
            from_status=before,
            to_status=moved.status,
            version=moved.version,
            reason=reason,
            message=kept(reason),
        )


def _parameters(changeset: Changeset) -> dict[str, Any]:
    approvals = [{"account": given.account, "at": given.at.isoformat()} for given in changeset.approvals]
    return {
        "id": changeset.id,
        "snapshot_hash": changeset.snapshot_hash,
        "business_date": changeset.business_date,
        "verdict": changeset.verdict,
        "hold_reason": changeset.hold_reason,
        "reason": changeset.reason,
        "message": kept(changeset.reason),
        "counts": Jsonb(dict(changeset.counts)),
        "payload_hash": changeset.payload_hash,
        "base_content_hash": changeset.base_content_hash,
        "status": changeset.status,
        "version": changeset.version,
        "needs_approvals": changeset.needs_approvals,
        "approvals": Jsonb(approvals),
    }


def _changeset(row: dict[str, Any]) -> Changeset:
    return Changeset(
        **{
            **_with_message(row),
            "verdict": Verdict(row["verdict"]),
            "hold_reason": row["hold_reason"] and HoldReason(row["hold_reason"]),
            "status": ChangesetStatus(row["status"]),
            "approvals": tuple(
                Approval(given["account"], datetime.fromisoformat(given["at"])) for given in row["approvals"]
            ),
        }
    )


def _with_message(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its reason as the message that it is."""
    message, reason = row["message"], row["reason"]
    columns = {name: value for name, value in row.items() if name != "message"}
    return {**columns, "reason": None if reason is None else restored(reason, message)}

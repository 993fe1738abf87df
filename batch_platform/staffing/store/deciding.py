"""What people decide about invoices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from batch_platform.staffing.store.statements import Row, StaffingStatements, one_row


class Deciding(StaffingStatements):
    """Approvals wait until another person's word carries them out."""

    def drafts_seen(self, month: date) -> Row:
        """`count`, `total` and `digest` of the drafts of a month that nobody has agreed to yet."""
        [row] = self._rows("drafts_seen", month=month)
        return row

    def waiting_approvals(self, deed: str, target: str) -> list[Row]:
        """`by`, `at`, `seen`, `reason`, the oldest first."""
        return self._rows("waiting_approvals", deed=deed, target=target)

    def add_approval(
        self, deed: str, target: str, *, seen: Mapping[str, Any], by: str, at: datetime, reason: str | None
    ) -> None:
        """Somebody's word, in the place of what he said before."""
        self._run("add_approval", deed=deed, target=target, seen=Jsonb(seen), by=by, at=at, reason=reason)

    def use_approvals(self, deed: str, target: str, now: datetime) -> None:
        """What waits is carried out now."""
        self._run("use_approvals", deed=deed, target=target, now=now)

    def approve_drafts(self, month: date, approvers: Sequence[str], *, by: str, now: datetime) -> int:
        """The drafts of a month may be issued as they are; how many."""
        return self._run("approve_drafts", month=month, approvers=list(approvers), by=by, now=now)

    def hold_invoice(self, invoice_id: UUID) -> Row:
        """A document with the address of its company and the credit note that is there; locked."""
        [row] = self._rows("hold_invoice", id=invoice_id)
        return row

    def void_invoice(
        self, invoice_id: UUID, *, reason: str, approvers: Sequence[str], by: str, now: datetime
    ) -> None:
        """It keeps its number."""
        self._run("void_invoice", id=invoice_id, reason=reason, approvers=list(approvers), by=by, now=now)

    def add_credit_note(self, row: Row, *, reason: str, by: str, now: datetime) -> None:
        """A credit note as it is issued."""
        self._run("add_credit_note", row=one_row(row), reason=reason, by=by, now=now)

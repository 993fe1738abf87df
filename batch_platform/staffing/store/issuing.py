"""Numbers of documents, and what is issued under them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

from batch_platform.staffing.store.statements import Row, StaffingStatements, rows_of


class Series(NamedTuple):
    """Numbers that follow each other: of an issuer, a kind of document and the year of issue."""

    issuer: str
    kind: str
    year: int


class Issuing(StaffingStatements):
    """A document is issued in the transaction that raises its counter."""

    def drafts_to_issue(self, month: date, limit: int, *, approved: bool) -> list[Row]:
        """The next drafts of a month, or of those that people agreed to; by company, then by contract; locked."""
        return self._rows("drafts_to_issue", month=month, limit=limit, approved=approved)

    def hold_counter(self, series: Series) -> int:
        """The last number of a series, 0 before the first; nobody else gives one until the transaction ends."""
        self._run("add_counter", **series._asdict())
        return int(self._value("hold_counter", **series._asdict()))

    def raise_counter(self, series: Series, last: int) -> None:
        """The number that is the last one now."""
        self._run("raise_counter", **series._asdict(), last=last)

    def save_issued(self, rows: Sequence[Row], *, by: str, now: datetime) -> None:
        """Drafts as they are issued: number, hash, object, address."""
        self._run("save_issued", rows=rows_of(rows), by=by, now=now)

    def save_failed(self, rows: Sequence[Row], *, by: str, now: datetime) -> None:
        """Drafts that cannot be printed, and why."""
        self._run("save_failed", rows=rows_of(rows), by=by, now=now)

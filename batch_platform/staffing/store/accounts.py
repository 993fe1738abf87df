"""Accounts that somebody has to look at."""

from __future__ import annotations

from datetime import date, datetime

from batch_platform.staffing.instants import at_time
from batch_platform.staffing.store.statements import Row, StaffingStatements


class Accounts(StaffingStatements):
    """One set of findings, those of the newest day that was checked."""

    def replace_account_findings(self, day: date, known_at: datetime, *, patience: int) -> None:
        """What is found as of a day in place of what was; `patience`: days without a sign-in."""
        self._run("stage_account_findings", day=day, begin=at_time(day), known_at=known_at, patience=patience)
        self._run("clear_account_findings")
        self._run("write_account_findings", day=day)

    def account_findings(self) -> list[Row]:
        """By kind, the longest first."""
        return self._rows("account_findings")

"""The account check: companies past the end of their contracts, and users who do not sign in any more."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal, cast

from batch_platform.staffing import ids
from batch_platform.staffing.instants import at_time
from batch_platform.staffing.model import Finding
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.statuses import KNOWN_AT
from batch_platform.staffing.store.statements import Row

PATIENCE: Final = 90
"""Days without a sign-in."""


def check(context: StaffingContext, day: date) -> list[Finding]:
    """Find them as of 02:00 of a day, in place of what an older day has found; what newer ones found stays."""
    with context.store.transaction() as session:
        session.lock_statuses()
        if session.next_status_day(day) is None:
            session.replace_account_findings(day, at_time(day, KNOWN_AT), patience=PATIENCE)
        return [_finding(row) for row in session.account_findings()]


def findings(context: StaffingContext) -> list[Finding]:
    """Of the newest day that was checked: by kind, the longest first."""
    with context.store.snapshot() as session:
        return [_finding(row) for row in session.account_findings()]


def _finding(row: Row) -> Finding:
    kind = cast("Literal['contract_ended', 'no_sign_in']", row["kind"])
    subject, company_id = ids.decode(row["subject"]), ids.decode(row["company_id"])
    return Finding(kind, subject, company_id, row["company"], row["since"], row["found_on"])

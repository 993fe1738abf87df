"""The account check: companies past the end of their contracts, and users who do not sign in any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, cast

from batch_platform.core.messages import Message
from batch_platform.staffing import ids
from batch_platform.staffing.ids import Id
from batch_platform.staffing.instants import at_time
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.statuses import KNOWN_AT
from batch_platform.staffing.store.statements import Row

PATIENCE: Final = 90
"""Days without a sign-in."""


@dataclass(frozen=True)
class Finding:
    """`subject`: the company or the user; `since`: the contracts' last day, the last sign-in or the account's making;
    None where neither is known."""

    kind: Literal["contract_ended", "no_sign_in"]
    subject: Id
    company_id: Id
    company: str | None
    since: date | None
    found_on: date

    @property
    def message(self) -> Message:
        """What people read."""
        company, user = self.company or str(self.company_id), str(self.subject)
        if self.kind == "contract_ended":
            return Message(
                "account-contract-ended",
                "company {company}: its contracts ended on {day}, and it is not closed",
                company=company,
                day=self.since or self.found_on,
            )
        if self.since is None:
            return Message(
                "account-never-used", "user {user} of {company} has never signed in", user=user, company=company
            )
        return Message(
            "account-unused",
            "user {user} of {company} has not signed in since {day}",
            user=user,
            company=company,
            day=self.since,
        )


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

"""The drafts of a month are issued by people: a second person agrees to their number and their sum as seen.

Where runs leave drafts (`STAFFING_INVOICE_REVIEW`), the run is the first and proposes them. What was agreed on stands
on the drafts themselves, so that whoever is killed while he issues them, or comes later, goes on; a draft that is
made anew has to be agreed on again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from batch_platform.core.failures import Conflict
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.invoices.approvals import Deed, Proposal, Record, agree, require_new
from batch_platform.staffing.service.invoices.drafting import require_month
from batch_platform.staffing.service.invoices.issuing import issue
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

ISSUE: Final = "invoices.issue"
"""What the audit log calls it."""


@dataclass(frozen=True)
class Drafts:
    """Drafts of a month that wait for people: how many, and yen with tax. `proposed_by`: who has agreed to them."""

    month: str
    count: int
    total: int
    proposed_by: tuple[str, ...]


@dataclass(frozen=True)
class Release:
    """The drafts as they were seen, and how many invoices were issued; None while another person has to agree."""

    drafts: Drafts
    issued: int | None


def drafts(context: StaffingContext, month: date) -> Drafts:
    """What people would issue."""
    require_month(month)
    with context.store.snapshot() as session:
        seen = session.drafts_seen(month)
        approvals = session.waiting_approvals(Deed.ISSUE, _target(month))
    people = tuple(row["by"] for row in approvals if row["seen"] == seen)
    return Drafts(_target(month), seen["count"], seen["total"], people)


def releasable(context: StaffingContext, month: date, *, by: str, count: int, total: int) -> Drafts:
    """The drafts as `by` may issue them now. Raises `Conflict` as `release` does."""
    with context.store.snapshot() as session:
        require_new(session, _seen(session, month, count, total), by)
    return drafts(context, month)


def release(context: StaffingContext, month: date, *, by: str, count: int, total: int, record: Record) -> Release:
    """Agree to the drafts of a month, given their number and their yen as seen, and issue them once two have.

    Raises `Conflict`, and changes nothing, where there are none, where they are others, or for the same person again.
    """
    require_month(month)
    before = drafts(context, month)
    with context.store.transaction() as session:
        session.lock_month(month)
        now = context.clock()
        agreement = agree(session, _seen(session, month, count, total), by=by, now=now)
        people = list(agreement.people) if agreement else [by]
        if agreement is not None:
            session.approve_drafts(month, agreement.people, by=by, now=now)
        after = {"count": count, "total": total, "approved_by": people, "issued": agreement is not None}
        record(session.connection, ISSUE, _target(month), None, after)
    if agreement is None:
        return Release(before, None)
    return Release(before, issue(context, month, by=by, approved=True))


def propose(context: StaffingContext, month: date, *, by: str) -> None:
    """A run's word for the drafts that it leaves: it is the first, and one person's makes two."""
    with context.store.transaction() as session:
        session.lock_month(month)
        seen = session.drafts_seen(month)
        if seen["count"]:
            session.add_approval(Deed.ISSUE, _target(month), seen=seen, by=by, at=context.clock(), reason=None)


def _seen(session: Session, month: date, count: int, total: int) -> Proposal:
    drafts: Row = session.drafts_seen(month)
    if not drafts["count"]:
        raise Conflict("no-drafts", "there are no drafts of {month} to issue", month=_target(month), field="month")
    for field, given, actual in (("count", count, drafts["count"]), ("total", total, drafts["total"])):
        if given != actual:
            raise Conflict(
                "drafts-differ-from-seen",
                "{field} of the drafts of {month} is {found}, not {seen}: look at them again",
                month=_target(month),
                found=actual,
                seen=given,
                field=field,
            )
    return Proposal(Deed.ISSUE, _target(month), drafts)


def _target(month: date) -> str:
    return f"{month:%Y-%m}"

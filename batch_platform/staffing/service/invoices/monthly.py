"""The run of a month: its drafts are made, and issued unless people look at them first.

Run again it makes what was missing or waited, and leaves what is issued as it is. A schedule, a person, a retry and a
backfill do the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from batch_platform.core.failures import PermanentFailure
from batch_platform.core.messages import from_json
from batch_platform.staffing import ids
from batch_platform.staffing.model import InvoiceState
from batch_platform.staffing.months import shifted
from batch_platform.staffing.service.context import StaffingContext
from batch_platform.staffing.service.invoices.drafting import computed, draft, require_month
from batch_platform.staffing.service.invoices.issuing import issue
from batch_platform.staffing.service.invoices.releasing import propose
from batch_platform.staffing.store import Session
from batch_platform.staffing.store.statements import Row

SYSTEM: Final = "system"
"""Who runs a month when nobody asks for it."""


@dataclass(frozen=True)
class MonthOutcome:
    """How a month stands after its run. Ids are as they were given, amounts yen with tax.

    `status`: ok, partial where contracts have failed, failed where all have. `waiting` names the days without usage,
    `failed` why, `unmailed` those whose company has no address.
    """

    month: str
    status: Literal["ok", "partial", "failed"]
    changed: int
    issued: int
    states: Mapping[str, int]
    total: int
    waiting: Sequence[Mapping[str, Any]]
    failed: Sequence[Mapping[str, Any]]
    unmailed: Sequence[ids.Id]


@dataclass(frozen=True)
class Change:
    """What a run would make of a contract; None for a state without an amount."""

    contract_id: ids.Id
    before: str | None
    after: str
    total: int | None
    reason: str | None


@dataclass(frozen=True)
class MonthPlan:
    """What a run of a month would change; `issues` is how many invoices it would issue, and `total` their yen."""

    month: str
    changes: Sequence[Change]
    issues: int
    total: int


def run(context: StaffingContext, month: date, *, by: str) -> MonthOutcome:
    """Draft the month, and issue it unless people are to look at it.

    Raises `InvalidInput` as `require_month`, and `PermanentFailure` where every contract has failed.
    """
    require_month(month)
    changed = draft(context, month, by=by)
    issued = issue(context, month, by=by, approved=context.invoice_review)
    if context.invoice_review:
        propose(context, month, by=by)
    with context.store.snapshot() as session:
        done = outcome(session, month, changed=changed, issued=issued)
    if done.status == "failed":
        reasons = sorted({str(each["reason"]) for each in done.failed})
        raise PermanentFailure(
            "month-failed", "no invoice of {month} could be made: {reasons}", month=done.month, reasons=reasons[:5]
        )
    return done


def plan(context: StaffingContext, month: date) -> MonthPlan:
    """What `run` would change; nothing is written."""
    require_month(month)
    with context.store.rolled_back() as session:
        before = {row["contract_id"]: row for row in session.month_invoices(month)}
        rows = computed(session, month, session.contracts_to_bill(month), printed=False)
    changes = [_change(row, before.get(row["contract_id"])) for row in rows]
    drafts = [] if context.invoice_review else [row for row in rows if row["state"] == InvoiceState.DRAFT]
    return MonthPlan(
        f"{month:%Y-%m}",
        [change for change in changes if change is not None],
        len(drafts),
        sum(row["total"] for row in drafts),
    )


def unfinished_months(context: StaffingContext, newest: date) -> list[date]:
    """The newest month, and those before it that were missed since the first or wait for usage; oldest first."""
    with context.store.snapshot() as session:
        return session.unfinished_months(newest)


def totals_by_month(context: StaffingContext, until: date, months: int) -> list[Row]:
    """`month`, `invoices` and `total` of what was issued, of so many months up to one, oldest first."""
    with context.store.snapshot() as session:
        return session.totals_by_month(shifted(until, 1 - months), until)


def standing(context: StaffingContext, month: date) -> MonthOutcome:
    """How a month stands. Raises `InvalidInput` as `require_month`."""
    require_month(month)
    with context.store.snapshot() as session:
        return outcome(session, month)


def outcome(session: Session, month: date, *, changed: int = 0, issued: int = 0) -> MonthOutcome:
    """How a month stands."""
    states = {row["state"]: row for row in session.month_states(month)}
    undone = session.undone_invoices(month)
    failed = [row for row in undone if row["state"] == InvoiceState.FAILED]
    done = states.keys() - {InvoiceState.FAILED.value, InvoiceState.VOID.value}
    issued_row = states.get(InvoiceState.ISSUED.value, {"total": 0})
    return MonthOutcome(
        month=f"{month:%Y-%m}",
        status="ok" if not failed else "partial" if done else "failed",
        changed=changed,
        issued=issued,
        states={state: row["invoices"] for state, row in states.items()},
        total=issued_row["total"],
        waiting=[
            {"contract_id": ids.decode(row["contract_id"]), "days": [day.isoformat() for day in row["missing_days"]]}
            for row in undone
            if row["state"] == InvoiceState.WAITING_FOR_USAGE
        ],
        failed=[
            {"contract_id": ids.decode(row["contract_id"]), "reason": str(from_json(row["failure"]))}
            for row in failed
        ],
        unmailed=[ids.decode(contract) for contract in session.unmailed_contracts(month)],
    )


def _change(row: Row, before: Row | None) -> Change | None:
    state, total = str(row["state"]), row.get("total")
    if before is not None and (before["state"], before["total"]) == (state, total):
        return None
    missing = ", ".join(row.get("missing_days", ()))
    failure = row.get("failure")
    return Change(
        ids.decode(row["contract_id"]),
        None if before is None else before["state"],
        state,
        total,
        str(from_json(failure)) if failure else missing or None,
    )
